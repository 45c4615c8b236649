package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/convert"
	"github.com/penstock/penstock/agent/metrics"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
)

const guidesDir = examplesDir + "/guides"

// guideBlock is a fenced block: its kind, the name of the file it is, and its text.
var guideBlock = regexp.MustCompile("(?ms)^```(\\w+) ?(\\S*)\n(.*?)^```$")

// guideDir is a directory that a guide works in.
var guideDir = regexp.MustCompile(`/tmp/(\w+)`)

// TestGuides does what each guide says: blocks with a file name are written to a directory, sh is
// run there, in one shell, and text is what that has printed. console is for the reader alone.
func TestGuides(t *testing.T) {
	for _, guide := range guideFiles(t) {
		name := strings.TrimSuffix(strings.TrimPrefix(guide, guidesDir+"/"), ".md")
		text, err := os.ReadFile(guide)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			parallel(t)
			runGuide(t, string(text))
		})
	}
}

// guideFiles returns all guides, those of a folder below, too.
func guideFiles(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"/*.md", "/*/*.md"} {
		some, err := filepath.Glob(guidesDir + pattern)
		if err != nil || len(some) < 9 {
			t.Fatalf("%s: %d guides, %v", pattern, len(some), err)
		}
		all = append(all, some...)
	}
	return all
}

// Each tool whose configuration is converted has a page, which its index leads to.
func TestEachToolHasItsGuide(t *testing.T) {
	index, err := os.ReadFile(guidesDir + "/moving.md")
	if err != nil {
		t.Fatal(err)
	}
	tools := convert.Tools()
	for _, tool := range tools {
		page := "moving/" + tool.Name + ".md"
		text, err := os.ReadFile(filepath.Join(guidesDir, page))
		if err != nil {
			t.Error(err)
		}
		for _, answer := range []string{
			"What is called what", "Convert", "Run both side by side", "Take over the positions",
			"What will differ", "What penstock lacks", "The day of the change", "Go back",
		} {
			if !strings.Contains(string(text), "\n## "+answer+"\n") {
				t.Errorf("%s lacks %q", page, answer)
			}
		}
		if !strings.Contains(string(index), "("+page+")") {
			t.Errorf("moving.md does not lead to %s", page)
		}
	}
	pages, err := filepath.Glob(guidesDir + "/moving/*.md")
	if err != nil || len(pages) != len(tools) {
		t.Errorf("%d pages for %d tools, %v", len(pages), len(tools), err)
	}
}

// TestReadme does what README says, as TestGuides does.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	first := regexp.MustCompile("(?s)```hcl first.hcl\n(.*?)```").FindSubmatch(text)
	if first == nil || bytes.Count(first[1], []byte("\n")) > 10 {
		t.Errorf("README's first configuration has more than ten lines:\n%s", first)
	}
	parallel(t)
	short, long := `agent { data_dir = "data" }`, "agent {\n  data_dir = \"data\"\n}"
	if !strings.Contains(string(text), short) {
		t.Fatal("README's first configuration begins otherwise")
	}
	runGuide(t, strings.Replace(string(text), short, long, 1))
}

// Who does what README says, and then what the guides say, meets no data of the one in the other.
func TestGuidesShareNoDirectory(t *testing.T) {
	used := map[string]string{}
	for _, doc := range append(guideFiles(t), "../../../README.md") {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range guideDir.FindAllString(string(text), -1) {
			if by, ok := used[dir]; ok && by != doc {
				t.Errorf("%s and %s both use %s", by, doc, dir)
			}
			used[dir] = doc
		}
	}
	if len(used) < 2 {
		t.Errorf("of directories only %v were found", used)
	}
}

// runGuide makes one script of a guide's blocks. What is not the guide's own on a machine is
// replaced: the directory, and ports.
func runGuide(t *testing.T, text string) {
	dir := t.TempDir()
	text = guideDir.ReplaceAllString(text, dir+"/$1")
	text = replaceAll(text, "127.0.0.1:9092", servers.FreeAddr(t))
	admin := servers.FreeAddr(t)
	script := &strings.Builder{}
	fmt.Fprintf(script, "set -em\ntrap 'status=$?; j=$(jobs -p); [ -z \"$j\" ] || kill $j; wait; exit $status' EXIT\n")
	var expect []string
	for n, m := range guideBlock.FindAllStringSubmatch(text, -1) {
		kind, file, body := m[1], m[2], m[3]
		switch {
		case file != "":
			if strings.HasPrefix(body, "agent {\n") && !strings.Contains(body, "admin {") {
				body = strings.Replace(body, "agent {\n",
					fmt.Sprintf("agent {\n  admin { listen = %q }\n", admin), 1)
			}
			fmt.Fprintf(script, "cat > %s <<'END OF FILE'\n%sEND OF FILE\n", file, body)
			if kind == "hcl" && !strings.HasSuffix(file, ".test.hcl") {
				fmt.Fprintf(script, "penstock validate %s\n", file)
			}
		case kind == "sh":
			body = strings.ReplaceAll(body, "penstock status", "penstock status --admin "+admin)
			fmt.Fprintf(script, "echo '== block %d'\n%s", n, body)
		case kind == "text":
			for line := range strings.Lines(body) {
				expect = append(expect, strings.TrimSpace(line))
			}
		case kind != "console":
			t.Errorf("a block of kind %q is none of sh, text, console or a named file", kind)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"),
		"PENSTOCK_VAR_kafka_password=secret")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		var said []byte
		logs, _ := filepath.Glob(filepath.Join(dir, "*", "agent.txt"))
		for _, log := range logs {
			some, _ := os.ReadFile(log)
			said = append(said, some...)
		}
		t.Fatalf("%v\n%s\n--- the agents:\n%s\n--- the script:\n%s", err, out, said, script)
	}
	rest := string(out)
	for _, line := range expect { // in the guide's order
		_, after, found := strings.Cut(rest, line)
		if !found {
			t.Fatalf("%q was not printed, or not there:\n%s", line, out)
		}
		rest = after
	}
}

// Links between guides, and out of them, lead somewhere.
func TestGuideLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)\)`)
	docs := guideFiles(t)
	pages, err := filepath.Glob(examplesDir + "/reference/*.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, doc := range slices.Concat(docs, pages,
		[]string{"../../../README.md", "../../../.github/CONTRIBUTING.md"}) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			n++
			if _, err := os.Stat(filepath.Join(filepath.Dir(doc), m[1])); err != nil {
				t.Errorf("%s: %s leads nowhere", filepath.Base(doc), m[1])
			}
		}
	}
	if n < 20 {
		t.Errorf("%d links were found, which is too few for the test to mean anything", n)
	}
}

// The failure handbook names metrics and log lines that are there.
func TestHandbookNamesWhatIsThere(t *testing.T) {
	text, err := os.ReadFile(guidesDir + "/failures.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range handbookMistakes(t, string(text)) {
		t.Error(w)
	}
	gone := "- Log: `nobody says this`\n- Metrics: `penstock_is_gone_total`\n"
	if w := handbookMistakes(t, string(text)+gone); len(w) != 2 {
		t.Errorf("of two mistakes %d are found: %v", len(w), w)
	}
}

func handbookMistakes(t *testing.T, text string) (wrong []string) {
	known := map[string]bool{}
	for _, m := range metrics.Table {
		known[m.Name] = true
	}
	names := regexp.MustCompile("`(penstock_\\w+)`").FindAllStringSubmatch(text, -1)
	for _, m := range names {
		if !known[m[1]] {
			wrong = append(wrong, m[1]+" is no metric")
		}
	}
	code := sources(t)
	lines := regexp.MustCompile("(?m)^- Log: `([^`]+)`$").FindAllStringSubmatch(text, -1)
	for _, m := range lines {
		m[1] = strings.Join(strings.Fields(m[1]), " ")
		if !strings.Contains(code, strconv.Quote(m[1])[:len(m[1])+1]) {
			wrong = append(wrong, "no log line begins with: "+m[1])
		}
	}
	if len(names) < 30 || len(lines) < 25 || len(lines) != strings.Count(text, "- Log: ") {
		wrong = append(wrong, fmt.Sprintf("%d metrics and %d log lines", len(names), len(lines)))
	}
	return wrong
}

// sources returns the code of all packages but tests, with strings that are added up joined.
func sources(t *testing.T) string {
	var all strings.Builder
	for _, room := range []string{
		"agent", "buffer", "inputs", "network", "outputs", "spool", "cmd/penstock",
	} {
		err := filepath.WalkDir("../../../"+room, func(path string, d os.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			src, err := os.ReadFile(path)
			all.Write(src)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return regexp.MustCompile(`"\s*\+\s*"`).ReplaceAllString(all.String(), "")
}
