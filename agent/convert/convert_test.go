package convert_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent"
	"github.com/penstock/penstock/agent/cases"
	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/convert"
	"github.com/penstock/penstock/buffer/record/runtest"
)

// Each directory testdata/TOOL/CASE holds the files of a tool, beside the configuration made of
// them (penstock.hcl) and the account (summary.txt). The file that is named main.*, or is alone, is
// the one to convert; the first comment in it says what the case shows.
func TestConfigurationsAreConvertedAsTestdataSays(t *testing.T) {
	for _, tool := range convert.Tools() {
		cases, err := filepath.Glob(filepath.Join("testdata", tool.Name, "*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(cases) < 10 {
			t.Errorf("%s has %d cases", tool.Name, len(cases))
		}
		for _, dir := range cases {
			t.Run(
				tool.Name+"/"+filepath.Base(dir), func(t *testing.T) { golden(t, tool.Name, dir) },
			)
		}
	}
}

func golden(t *testing.T, tool, dir string) {
	mains, err := filepath.Glob(filepath.Join(dir, "main.*"))
	if err != nil || len(mains) != 1 {
		t.Fatal("no main file", err)
	}
	result, err := convert.Convert(tool, mains)
	if err != nil {
		t.Fatal(err)
	}
	var summary bytes.Buffer
	result.WriteSummary(&summary)
	hcl := filepath.Join(dir, "penstock.hcl")
	compare(t, hcl, result.HCL)
	compare(t, filepath.Join(dir, "summary.txt"), summary.Bytes())
	if bytes.Contains(summary.Bytes(), []byte("hunter2")) {
		t.Error("a password is in the summary")
	}
	for _, problem := range newValidator(t).problems(result.HCL) {
		t.Errorf("it does not validate: %s\n%s", problem, result.HCL)
	}
	behaves(t, hcl)
	for i, line := range strings.Split(string(result.HCL), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") && len(line) > 100 &&
			strings.Count(strings.TrimSpace(line), " ") > 1 {
			t.Errorf("line %d has %d columns", i+1, len(line))
		}
	}
}

// A byte order mark, with which some editors begin files, is no part of what they say.
func TestByteOrderMarksAreLeftOut(t *testing.T) {
	for _, tool := range convert.Tools() {
		mains, err := filepath.Glob(filepath.Join("testdata", tool.Name, "*", "main.*"))
		if err != nil || len(mains) == 0 {
			t.Fatal("no main file", err)
		}
		want, err := convert.Convert(tool.Name, mains[:1])
		if err != nil {
			t.Fatal(err)
		}
		got, err := convert.ConvertFrom(tool.Name, mains[:1], func(path string) ([]byte, error) {
			text, err := os.ReadFile(path)
			return append([]byte("\ufeff"), text...), err
		})
		if err != nil {
			t.Errorf("%s: %v", tool.Name, err)
		} else if !bytes.Equal(got.HCL, want.HCL) {
			t.Errorf("%s makes something else of it: %s", tool.Name, got.HCL)
		}
	}
}

// behaves runs the cases beside a configuration, if there are any: what the tool made of certain
// lines, penstock makes of them.
func behaves(t *testing.T, hcl string) {
	t.Helper()
	file, err := cases.Read(strings.TrimSuffix(hcl, ".hcl") + ".test.hcl")
	if err != nil {
		if _, serr := os.Stat(strings.TrimSuffix(hcl, ".hcl") + ".test.hcl"); serr == nil {
			t.Error(err)
		}
		return
	}
	a := offlineAgent(t, hcl, file.Env)
	for i := range file.Cases {
		wrong, err := file.Cases[i].Run(a)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range wrong {
			t.Errorf("%s: %s", file.Cases[i].Name, w)
		}
	}
}

// offlineAgent returns an agent that is not run.
func offlineAgent(t *testing.T, hcl string, env map[string]string) *agent.Agent {
	t.Helper()
	cfg, report := config.Load(
		[]string{hcl},
		agent.Components().Config(),
		config.Options{DataDir: t.TempDir(), Env: func(name string) (string, bool) {
			v, ok := env[name]
			return v, ok
		}},
	)
	if report.Errors() > 0 {
		t.Fatal(report)
	}
	a, err := agent.New(
		cfg, agent.Options{Catalogue: agent.Components(), Log: slog.New(slog.DiscardHandler)},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Discard(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func compare(t *testing.T, file string, got []byte) {
	t.Helper()
	if runtest.Update() {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}
