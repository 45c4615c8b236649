package main

import (
	"fmt"
	"strings"

	"github.com/penstock/penstock/agent/metrics"
	"github.com/penstock/penstock/agent/reference"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Groups of pages.
const (
	topicGroup   = "Topics"
	commandGroup = "Commands"
)

// topics are the pages that are about neither the configuration nor a command.
func topics() []reference.Page {
	return []reference.Page{metricsPage(), exitCodesPage()}
}

func metricsPage() reference.Page {
	var all []reference.Entry
	for _, m := range metrics.Table {
		all = append(all, reference.Entry{Term: m.Name, Traits: m.Kind, Text: m.Help})
	}
	return reference.Page{
		Name: "metrics", Group: topicGroup, Brief: "Every metric there is.",
		Blocks: []reference.Block{
			{Text: `Metrics at /metrics, and as JSON by component at /metrics.json. Those of a component carry
its name as a label.`},
			{Entries: all},
		},
	}
}

func exitCodesPage() reference.Page {
	var rows []reference.Entry
	for _, e := range exitTable {
		row := reference.Entry{Term: strings.ReplaceAll(e.commands, " ", ", ")}
		for code, meaning := range e.meanings {
			if meaning != "-" {
				row.Inner = append(
					row.Inner, reference.Entry{Term: fmt.Sprint(code), Text: meaning},
				)
			}
		}
		rows = append(rows, row)
	}
	return reference.Page{
		Name: "exit-codes", Group: topicGroup, Brief: "Exit codes of all commands.",
		Blocks: []reference.Block{{Text: "Exit codes of all commands."}, {Entries: rows}},
	}
}

// commandPages has a page for each command that does something.
func commandPages(root *cobra.Command) []reference.Page {
	var out []reference.Page
	for _, cmd := range root.Commands() {
		if cmd.Hidden {
			continue
		}
		out = append(out, commandPage(cmd))
		out = append(out, commandPages(cmd)...)
	}
	return out
}

func commandPage(cmd *cobra.Command) reference.Page {
	long := cmd.Long
	if long == "" {
		long = cmd.Short + "."
	}
	p := reference.Page{
		Name:   strings.TrimPrefix(cmd.CommandPath(), "penstock "),
		Group:  commandGroup,
		Brief:  cmd.Short,
		Blocks: []reference.Block{{Code: cmd.UseLine() + "\n"}},
	}
	var below []reference.Entry
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			below = append(below, reference.Entry{Term: c.Name(), Text: c.Short})
		}
	}
	if below != nil {
		p.Blocks[0].Code = cmd.CommandPath() + " COMMAND\n"
	}
	p.Blocks = append(p.Blocks, reference.Parse(long)...)
	if below != nil {
		p.Blocks = append(p.Blocks, reference.Block{Heading: "Commands", Names: below})
	}
	var flags []reference.Entry
	for _, set := range []*pflag.FlagSet{cmd.LocalFlags(), cmd.InheritedFlags()} {
		set.VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && f.Name != "help" {
				flags = append(flags, flagEntry(f))
			}
		})
	}
	if flags != nil {
		p.Blocks = append(
			p.Blocks, reference.Block{Heading: "Flags"}, reference.Block{Entries: flags},
		)
	}
	return p
}

// flagKinds are types of flags, as attributes of the configuration have them.
var flagKinds = map[string]string{
	"stringArray": "string; any number", "strings": "string; any number",
	"int": "whole number", "int32Slice": "whole number; any number", "int32": "whole number",
	"float": "number",
}

func flagEntry(f *pflag.Flag) reference.Entry {
	kind, text := pflag.UnquoteUsage(f)
	if named, ok := flagKinds[kind]; ok {
		kind = named
	}
	e := reference.Entry{Term: "--" + f.Name, Traits: kind, Text: text}
	if f.Shorthand != "" {
		e.Term = "-" + f.Shorthand + ", " + e.Term
	}
	switch f.DefValue {
	case "", "false", "0", "0s", "[]", "-1":
	default:
		e.Traits = strings.TrimPrefix(e.Traits+"; default "+f.DefValue, "; ")
	}
	return e
}

// commandGroups are all commands, by what they are for.
var commandGroups = []struct{ heading, names string }{
	{"Before it runs", "init convert import-positions validate try test graph fmt"},
	{"Running", "run status top check tap audit pause resume flush drain"},
	{"What is stored", "dead-letters replay buffer archive"},
	{"Help", "help completion version"},
}

// rootPage is the help of the program as a whole.
func rootPage(root *cobra.Command) reference.Page {
	p := reference.Page{Name: "penstock", Brief: root.Short}
	p.Blocks = append([]reference.Block{{Code: "penstock COMMAND\n"}},
		reference.Parse(root.Long)...)
	for _, g := range commandGroups {
		var names []reference.Entry
		for name := range strings.FieldsSeq(g.names) {
			if cmd, _, err := root.Find([]string{name}); err == nil {
				names = append(names, reference.Entry{Term: name, Text: cmd.Short})
			}
		}
		p.Blocks = append(p.Blocks, reference.Block{Heading: g.heading, Names: names})
	}
	return p
}

// programPage is the man page of the program as a whole.
func programPage(root *cobra.Command) reference.Page {
	p := rootPage(root)
	p.Blocks = append(p.Blocks, reference.Block{
		Text: `Each command has a page of its own, such as penstock-run(1), and each subject, such as
penstock-output.kafka(5).`,
	})
	p.Blocks = append(p.Blocks, reference.Groups(subjects())...)
	return p
}
