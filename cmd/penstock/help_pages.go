package main

import (
	"fmt"
	"strings"

	"github.com/penstock/penstock/agent"
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
		if cmd.HasAvailableSubCommands() {
			out = append(out, commandPages(cmd)...)
			continue
		}
		out = append(out, commandPage(cmd))
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
	p.Blocks = append(p.Blocks, reference.Parse(long)...)
	var flags []reference.Entry
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" {
			flags = append(flags, flagEntry(f))
		}
	})
	if flags != nil {
		p.Blocks = append(
			p.Blocks, reference.Block{Heading: "Flags"}, reference.Block{Entries: flags},
		)
	}
	return p
}

func flagEntry(f *pflag.Flag) reference.Entry {
	kind, text := pflag.UnquoteUsage(f)
	if kind == "stringArray" {
		kind = "string; any number"
	}
	e := reference.Entry{Term: "--" + f.Name, Traits: kind, Text: text}
	if f.Shorthand != "" {
		e.Term = "-" + f.Shorthand + ", " + e.Term
	}
	switch f.DefValue {
	case "", "false", "0", "0s", "[]":
	default:
		e.Traits = strings.TrimPrefix(e.Traits+"; default "+f.DefValue, "; ")
	}
	return e
}

// programPage is the man page of the program as a whole.
func programPage(root *cobra.Command) reference.Page {
	list := func(pages []reference.Page) (out []reference.Entry) {
		for _, p := range pages {
			out = append(out, reference.Entry{Term: p.Name, Text: p.Brief})
		}
		return out
	}
	p := reference.Page{Name: "penstock", Brief: root.Short}
	p.Blocks = append([]reference.Block{{Code: root.UseLine() + " COMMAND\n"}},
		reference.Parse(root.Long)...)
	return reference.Page{Name: p.Name, Brief: p.Brief, Blocks: append(
		p.Blocks,
		reference.Block{Heading: "Commands"},
		reference.Block{Text: "Each has a page of its own, such as penstock-run(1)."},
		reference.Block{Entries: list(commandPages(root))},
		reference.Block{Heading: "Configuration"},
		reference.Block{Text: "Each subject has a page of its own, such as penstock-output.kafka(5)."},
		reference.Block{Entries: list(agent.Components().Config().Pages())},
	)}
}
