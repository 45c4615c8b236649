package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/reference"
)

// On a terminal of 80 columns no line of help is broken by the terminal.
func TestHelpFitsATerminalOf80Columns(t *testing.T) {
	t.Parallel()
	root := rootCommand(io.Discard, io.Discard)
	for _, p := range append(everything(root), rootPage(root)) {
		var b strings.Builder
		p.WriteText(&b, 80)
		for line := range strings.Lines(b.String()) {
			if len([]rune(line)) > 81 {
				t.Errorf("help %s: %s", p.Name, line)
			}
		}
	}
}

func TestHelpIsCompletedByCommandsAndSubjects(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	run([]string{"__complete", "help", ""}, &out, io.Discard)
	for _, want := range []string{"status\t", "output.kafka\t", "metrics\t"} {
		if !strings.Contains("\n"+out.String(), "\n"+want) {
			t.Errorf("%q is not completed:\n%s", want, &out)
		}
	}
}

func TestEveryCommandIsInAGroup(t *testing.T) {
	t.Parallel()
	var grouped, all []string
	for _, g := range commandGroups {
		grouped = append(grouped, strings.Fields(g.names)...)
	}
	for _, cmd := range rootCommand(io.Discard, io.Discard).Commands() {
		if !cmd.Hidden {
			all = append(all, cmd.Name())
		}
	}
	slices.Sort(grouped)
	if !slices.Equal(grouped, all) {
		t.Errorf("in groups are %v, there are %v", grouped, all)
	}
}

// A command below another tells the flags that it has from that one, too.
func TestHelpTellsInheritedFlags(t *testing.T) {
	t.Parallel()
	for _, line := range [][]string{
		{"help", "archive", "cat"}, {"archive", "cat", "--help"}, {"archive", "cat", "-h"},
	} {
		var out strings.Builder
		if code := run(line, &out, io.Discard); code != exitOK ||
			!strings.Contains(out.String(), "--directory  (string)\n") {
			t.Errorf("%v: exit code %d\n%s", line, code, &out)
		}
	}
	if _, ok := referenceFiles()["archive.md"]; !ok {
		t.Error("there is no page of archive")
	}
	if n := columnsOf(io.Discard); n != reference.Columns {
		t.Errorf("what is no terminal has %d columns", n)
	}
}
