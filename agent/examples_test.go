package agent

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/config"
)

// What the reference shows of each component, and of each other block, is a part of a configuration
// that validates.
func TestExamplesOfTheReferenceAreValid(t *testing.T) {
	t.Parallel()
	cat := Components().Config()
	blocks := map[string]string{}
	for block := range strings.SplitSeq(examples, "\n\n") {
		words := strings.Fields(block)
		name := words[0]
		if len(words) > 2 && strings.HasPrefix(words[2], `"`) {
			name += "." + strings.Trim(words[1], `"`)
		}
		blocks[name] = block + "\n"
	}
	for _, page := range cat.Pages() {
		name := strings.TrimPrefix(page.Name, "pipeline.")
		block, ok := blocks[name]
		if !ok {
			if page.Blocks[0].Code != "" && strings.HasSuffix(page.Blocks[0].Code, "{\n}\n") {
				t.Errorf("%s has no example", page.Name)
			}
			continue
		}
		delete(blocks, name)
		if name == "filter.wasm" {
			continue // of another build
		}
		if got := mistakesAround(t, name, block); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
	for name := range blocks {
		t.Errorf("an example is of %s, which has no page", name)
	}
}

var asked = regexp.MustCompile(`env\("\w+"\)`)

// mistakesAround returns what is wrong with a configuration around a block, or "".
func mistakesAround(t *testing.T, name, block string) string {
	dir := t.TempDir()
	table := filepath.Join(dir, "teams.csv")
	if err := os.WriteFile(table, []byte("host,team\nweb-1,shop\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	block = strings.ReplaceAll(block, "/etc/penstock/teams.csv", table)
	block = strings.ReplaceAll(block, "/var/lib/penstock", dir)
	block = asked.ReplaceAllString(block, `"secret"`)
	head, in, out, inner := "", "input.stdin.in", "output.stdout.out", ""
	kind, typ, _ := strings.Cut(name, ".")
	label := func() string { return kind + "." + typ + "." + strings.Split(block, `"`)[3] }
	switch {
	case kind == "input":
		in = label()
	case kind == "output":
		out = label()
	case kind == "filter":
		inner = "filter = [" + label() + "]"
	case name == "buffer":
		block, inner = "", block
	case name == "pipeline":
		for _, b := range strings.Split(examples, "\n\n") {
			for _, used := range []string{`input "tail"`, `output "kafka"`, `output "http"`} {
				if strings.HasPrefix(b, used) {
					head += asked.ReplaceAllString(b, `"secret"`) + "\n"
				}
			}
		}
	}
	if name != "agent" {
		head += fmt.Sprintf("agent {\n data_dir = %q\n admin { listen = \"\" }\n}\n", dir)
	}
	text := head + block + "input \"stdin\" \"in\" {}\noutput \"stdout\" \"out\" {}\n" + fmt.Sprintf(
		"pipeline \"p\" {\n from = [%s]\n to = [%s]\n%s\n}\n", in, out, inner,
	)
	file := filepath.Join(dir, "a.hcl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, report := config.Load([]string{file}, Components().Config(), config.Options{})
	if report.Errors() > 0 {
		var said strings.Builder
		report.Write(&said, false)
		return said.String()
	}
	made, err := New(cfg, Options{Catalogue: Components(), Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = made.Discard()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
