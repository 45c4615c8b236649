package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Each command that can be run says in its help, and in "penstock help exit-codes", what its exit
// codes mean.
func TestEveryCommandExplainsItsExitCodes(t *testing.T) {
	t.Parallel()
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			walk(c)
		}
		if cmd.HasParent() && strings.Count(cmd.Long, "Exit codes: 0 ") != 1 {
			t.Errorf("%s: its help tells no exit codes, or tells them twice:\n%s", cmd.Name(), cmd.Long)
		}
	}
	root := rootCommand(io.Discard, io.Discard)
	walk(root)
	var all bytes.Buffer
	page := exitCodesPage()
	page.WriteText(&all, 100)
	for _, e := range exitTable {
		for _, name := range strings.Fields(e.commands) {
			if cmd, _, err := root.Find([]string{name}); err != nil || !cmd.HasParent() {
				t.Errorf("there is no command %q", name)
			}
		}
		if !strings.Contains(all.String(), strings.ReplaceAll(e.commands, " ", ", ")) {
			t.Errorf("help exit-codes leaves out %s", e.commands)
		}
	}
}

func TestExitCodesAreAsDocumented(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{
		"valid.hcl": "agent { data_dir = \"data\" }\ninput \"stdin\" \"in\" {}\n" +
			"output \"stdout\" \"out\" {}\n" +
			"pipeline \"p\" {\n  from = [input.stdin.in]\n  to   = [output.stdout.out]\n}\n",
		"valid.test.hcl": "case \"a\" {\n  lines = [\"x\"]\n  expect { value = \"y\" }\n}\n",
		"wrong.hcl":      "agent {\n  date_dir = \"data\"\n}\n",
		"loose.hcl":      "agent {\n data_dir   =   \"data\"\n}\n",
		"broken.hcl":     "agent {",
		"fluentd.conf":   "<match **>\n  @type exotic\n</match>\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for line, want := range map[string]int{
		"":                                exitOK,
		"help":                            exitOK,
		"help exit-codes":                 exitOK,
		"help frobnicate":                 exitConfig,
		"frobnicate":                      exitConfig,
		"--frobnicate":                    exitConfig,
		"version":                         exitOK,
		"version x":                       exitConfig,
		"archive":                         exitOK,
		"archive frobnicate":              exitConfig,
		"archive verify":                  exitConfig,
		"archive cat missing":             exitFailure,
		"buffer":                          exitOK,
		"buffer frobnicate":               exitConfig,
		"buffer ls":                       exitConfig,
		"buffer ls missing x":             exitConfig,
		"buffer forget missing":           exitConfig,
		"buffer ls missing":               exitFailure,
		"completion bash":                 exitOK,
		"completion frobnicate":           exitConfig,
		"validate valid.hcl":              exitOK,
		"validate wrong.hcl":              exitConfig,
		"validate missing.hcl":            exitConfig,
		"validate":                        exitConfig,
		"run wrong.hcl":                   exitConfig,
		"run":                             exitConfig,
		"test valid.hcl":                  exitFailure,
		"test wrong.hcl":                  exitConfig,
		"try wrong.hcl":                   exitConfig,
		"fmt --check valid.hcl":           exitOK,
		"fmt -check=true loose.hcl":       exitFailure,
		"fmt -check loose.hcl":            exitFailure,
		"fmt broken.hcl":                  exitConfig,
		"fmt":                             exitConfig,
		"graph valid.hcl":                 exitOK,
		"graph --format x valid.hcl":      exitConfig,
		"convert fluentd fluentd.conf":    exitFailure,
		"convert fluentd missing.conf":    exitFailure,
		"convert frobnicate fluentd.conf": exitConfig,
		"import-positions fluentd x":      exitConfig,
		"import-positions fluentd x -c valid.hcl": exitFailure,
		"import-positions nagios x -c valid.hcl":  exitConfig,
		"replay":                                  exitConfig,
		"status --admin 127.0.0.1:1":              exitUnknown,
		"status x":                                exitUnknown,
		"check --frobnicate":                      exitUnknown,
		"check --admin 127.0.0.1:1":               exitUnknown,
	} {
		var out, errs bytes.Buffer
		if got := run(strings.Fields(line), &out, &errs); got != want {
			t.Errorf("penstock %s: exit code %d, want %d\n%s", line, got, want, errs.String())
		} else if want != exitOK && out.Len()+errs.Len() == 0 {
			t.Errorf("penstock %s fails and says nothing", line)
		}
	}
}

// Whichever way a command is given a configuration, one with mistakes has the code that the table
// has for it.
func TestAConfigurationWithMistakesHasItsExitCode(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "wrong.hcl")
	for name, text := range map[string]string{
		file: "agent {\n  date_dir = \"data\"\n}\n",
		strings.TrimSuffix(file, ".hcl") + ".test.hcl": "case \"a\" {\n  lines = [\"x\"]\n  discarded = 1\n}\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	arguments := map[string]string{
		"pause": " output.x.y", "resume": " output.x.y", "tap": " output.x.y", "cat": " key",
		"restore": " --to output.kafka.x key", "import-positions": " fluentd x",
		"replay": " --output output.file.x --dead-letter", "dead-letters replay": " output.file.x",
	}
	tried := map[string]bool{}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			walk(c)
		}
		if cmd.HasSubCommands() {
			return
		}
		path := strings.TrimPrefix(cmd.CommandPath(), "penstock ")
		more := arguments[path]
		if more == "" {
			more = arguments[cmd.Name()]
		}
		line := path + more
		var lines []string
		if cmd.Flag("admin") != nil {
			lines = append(lines, line+" --admin "+file)
		}
		if flag := cmd.Flag("config"); flag != nil && flag.Value.Type() != "bool" {
			lines = append(lines, line+" --config "+file)
		}
		if strings.Contains(cmd.Use, " CONFIG") && !strings.Contains(cmd.Use, "--config") {
			lines = append(lines, line+" "+file)
		}
		for _, line := range lines {
			want := exitConfig
			if cmd.Name() == "status" || cmd.Name() == "check" {
				want = exitUnknown
			}
			tried[cmd.Name()] = true
			var out, errs bytes.Buffer
			got := run(strings.Fields(line), &out, &errs)
			if text := out.String() + errs.String(); got != want || !strings.Contains(text, "date_dir") ||
				strings.Contains(text, "exit code") {
				t.Errorf("penstock %s: exit code %d, want %d\n%s", line, got, want, text)
			}
		}
	}
	walk(rootCommand(io.Discard, io.Discard))
	for _, name := range []string{
		"run", "validate", "test", "try", "graph", "import-positions", "replay", "ls", "cat", "audit",
		"status", "check", "pause", "resume", "flush", "drain", "tap", "top",
	} {
		if !tried[name] {
			t.Errorf("%s was not tried", name)
		}
	}
}

func TestFlagsOfFewValuesAreCompleted(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"graph --format": "mermaid", "try --view": "side", "init --from": "journald",
		"init --failover": "gcs",
	} {
		var out, errs bytes.Buffer
		args := append([]string{"__complete"}, append(strings.Fields(line), "")...)
		if got := run(args, &out, &errs); got != exitOK || !strings.Contains(out.String(), want+"\n") {
			t.Errorf("penstock %s is completed by %q, not %s; exit code %d", line, out.String(), want, got)
		}
	}
}

func TestInitNamesTheFileThatItWouldWrite(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mine.hcl")
	var out, errs bytes.Buffer
	got := run([]string{
		"init", "--from", "forward", "--to", "kafka", "--brokers", "k:9092", "--topic", "a b", file,
	}, &out, &errs)
	if got != exitConfig || !strings.Contains(errs.String(), file+":") ||
		strings.Contains(errs.String(), "penstock-init-") {
		t.Errorf("exit code %d: %s", got, errs.String())
	}
}
