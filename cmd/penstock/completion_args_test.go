package main

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/buffer"
)

// completed returns what a shell is told to complete a command line with, and how.
func completed(t *testing.T, args ...string) (words []string, how string) {
	t.Helper()
	var out bytes.Buffer
	all := append(append([]string{"__complete"}, args...), "")
	if code := run(all, &out, io.Discard); code != exitOK {
		t.Fatalf("%v: exit code %d", args, code)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	last := len(lines) - 1
	for _, line := range lines[:last] {
		word, _, _ := strings.Cut(line, "\t")
		words = append(words, word)
	}
	return words, lines[last]
}

// Outputs are completed with those of the running agent, and where none answers of its
// configuration; what takes nothing is not completed with files.
func TestArgumentsAreCompleted(t *testing.T) {
	srv, err := admin.Start(
		admin.Options{Listen: "127.0.0.1:0"},
		shown{admin.Status{Pipelines: []admin.Pipeline{{
			Name:    "web",
			Inputs:  []admin.Component{{ID: "input.tail.web"}},
			Outputs: []admin.Component{{ID: "output.kafka.running"}},
		}}}}, slog.New(slog.DiscardHandler),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	agent := []string{"--admin", srv.Addr()}
	file := filepath.Join(t.TempDir(), "penstock.hcl")
	if err := os.WriteFile(file, []byte(`
agent {
  admin { listen = "127.0.0.1:1" }
}
input "tail" "app" { paths = ["/nowhere/*.log"] }
output "stdout" "out" {}
output "kafka" "events" {
  brokers = ["127.0.0.1:1"]
  topic   = "app"
}
pipeline "app" {
  from = [input.tail.app]
  to   = [output.stdout.out, output.kafka.events]
}`), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	b, err := buffer.Open(dir, buffer.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Cursor("output.kafka.gone"); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	const files, nothing, dirs = ":0", ":4", ":16"
	running := []string{"output.kafka.running"}
	both := []string{"output.kafka.events", "output.stdout.out"}
	for _, c := range []struct {
		line string
		more []string
		want []string
		how  string
	}{
		{"pause", agent, running, nothing},
		{"resume", agent, running, nothing},
		{"pause output.kafka.running", agent, nil, nothing},
		{"pause --admin " + file, nil, both, nothing},
		{"tap", agent, []string{"input.tail.web", "output.kafka.running", "pipeline.web"}, nothing},
		{"dead-letters replay", agent, running, nothing},
		{"dead-letters replay output.kafka.running", agent, nil, dirs},
		{"dead-letters replay -c " + file, nil, both, nothing},
		{"dead-letters ls", agent, nil, dirs},
		{"replay -c " + file + " --output", nil, both, nothing},
		{"archive lag -c " + file + " --output", nil, both, nothing},
		{"archive restore -c " + file + " --to", nil, []string{"output.kafka.events"}, nothing},
		{"check --admin " + srv.Addr() + " --pipeline", nil, []string{"web"}, nothing},
		{"buffer ls", nil, nil, dirs},
		{"buffer forget " + dir, nil, []string{"output.kafka.gone"}, nothing},
		{"convert fluentd", nil, nil, files},
		{"run", nil, nil, files},
		{"status", nil, nil, files},
		{"version", nil, nil, nothing},
	} {
		args := strings.Fields(c.line)
		words, how := completed(t, slices.Concat(args[:1], c.more, args[1:])...)
		if !slices.Equal(words, c.want) || how != c.how {
			t.Errorf("%s: %q %s, want %q %s", c.line, words, how, c.want, c.how)
		}
	}
	if tools, how := completed(t, "convert"); !slices.Contains(tools, "fluentd") || how != nothing {
		t.Errorf("convert: %q %s", tools, how)
	}
}
