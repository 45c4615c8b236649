package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/reference"
	"github.com/penstock/penstock/buffer/record/runtest"
)

const referenceDir = "../../examples/reference"

// referenceFiles returns what examples/reference holds, by name.
func referenceFiles() map[string]string {
	pages := everything(rootCommand(io.Discard, io.Discard))
	files := map[string]string{}
	known := map[string]string{"templates": "", "expressions": ""}
	for _, p := range pages {
		known[p.Name] = p.File()
	}
	for _, p := range pages {
		var b strings.Builder
		p.WriteMarkdown(&b, func(name string) (string, bool) { f, ok := known[name]; return f, ok })
		files[p.File()] = b.String()
	}
	var b strings.Builder
	reference.WriteIndex(&b, "Reference",
		"What penstock help says, page by page. Sizes are written \"128MiB\" (of 1024) or \"100MB\" "+
			"(of 1000), durations \"1h30m\" or \"7d\". An attribute that is optional is off, empty "+
			"or what its text says. It is made of the source: "+
			"`go test ./cmd/penstock -run TestReference -update`.", pages)
	files["README.md"] = b.String()
	return files
}

// The pages of examples/reference are what penstock help says. With -update they are written anew.
func TestReferenceIsWhatHelpSays(t *testing.T) {
	t.Parallel()
	files := referenceFiles()
	there, err := filepath.Glob(referenceDir + "/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range there {
		if _, ok := files[filepath.Base(path)]; ok {
			continue
		}
		if !runtest.Update() {
			t.Errorf("%s is about nothing there is", path)
		} else if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
	for name, want := range files {
		path := filepath.Join(referenceDir, name)
		if runtest.Update() {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf(
				"%s is not what penstock help says (%v): go test ./cmd/penstock -run TestReference -update",
				path, err,
			)
		}
		inCode := false
		for i, line := range strings.Split(want, "\n") {
			if strings.HasPrefix(line, "```") {
				inCode = !inCode
			}
			if n := len([]rune(line)); n > 100 && !inCode && line[0] != '|' &&
				strings.Contains(strings.TrimSpace(line), " ") {
				t.Errorf("%s:%d has %d columns", name, i+1, n)
			}
		}
	}
}

// man can read all pages, and there is one for each command and component.
func TestManPages(t *testing.T) {
	dir := t.TempDir()
	var stderr bytes.Buffer
	if code := run([]string{"help", "--man", dir}, io.Discard, &stderr); code != exitOK {
		t.Fatal(code, &stderr)
	}
	for file, want := range map[string]string{
		"man1/penstock.1":                "\\fBimport\\-positions\\fR",
		"man1/penstock-run.1":            ".SH NAME\npenstock\\-run \\- Run the agent",
		"man1/penstock-archive-lag.1":    ".SH \"FLAGS\"",
		"man5/penstock-output.kafka.5":   "\\fBbrokers\\fR  (list of strings; required)",
		"man5/penstock-expressions.5":    "$${ for a literal ${",
		"man5/penstock-filter.replace.5": "\\fBpattern\\fR",
	} {
		got, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s (%v) lacks %q:\n%s", file, err, want, got)
		}
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		return
	}
	pages, err := filepath.Glob(dir + "/man*/*")
	if err != nil || len(pages) < 70 {
		t.Fatal(len(pages), err)
	}
	args := append([]string{"-man", "-ww", "-Tutf8", "-z"}, pages...)
	if out, err := exec.Command(groff, args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// A subject is in the list of help, and help knows it.
func TestHelpKnowsWhatItLists(t *testing.T) {
	t.Parallel()
	var list bytes.Buffer
	if code := run([]string{"help"}, &list, io.Discard); code != exitOK {
		t.Fatal(code)
	}
	for _, p := range everything(rootCommand(io.Discard, io.Discard)) {
		if p.Group != commandGroup && !strings.Contains(list.String(), "\n  "+p.Name+" ") {
			t.Errorf("help does not list %s", p.Name)
		}
		var out bytes.Buffer
		if code := run(append([]string{"help"}, strings.Fields(p.Name)...), &out, io.Discard); code != 0 ||
			out.Len() < 60 {
			t.Errorf("help %s: %d\n%s", p.Name, code, &out)
		}
	}
}
