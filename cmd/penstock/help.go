package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent"
	"github.com/penstock/penstock/agent/reference"
	"github.com/spf13/cobra"
)

// helpCommand explains commands, components from their config structs, and topics.
func helpCommand(root *cobra.Command) *cobra.Command {
	var man string
	cmd := &cobra.Command{
		Use:   "help [COMMAND | SUBJECT]",
		Short: "Explain a command, or every attribute of a component such as output.kafka",
		Args:  usage(cobra.ArbitraryArgs),
		ValidArgsFunction: func(
			*cobra.Command, []string, string,
		) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, p := range everything(root) {
				if !strings.Contains(p.Name, " ") {
					names = append(names, p.Name+"\t"+p.Brief)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().StringVar(&man, "man", "", "write all of this as man pages, into a directory")
	_ = cmd.Flags().MarkHidden("man") // it is for who makes packages
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		out := cmd.OutOrStdout()
		if man != "" {
			return writeMan(root, man)
		}
		if len(args) == 0 {
			p := rootPage(root)
			p.Blocks = append(p.Blocks, reference.Groups(subjects())...)
			p.Blocks = append(p.Blocks, reference.Block{
				Text: `"penstock help run" explains a command, "penstock help output.kafka" a component.`,
			})
			p.WriteText(out, columnsOf(out))
			return nil
		}
		if len(args) == 1 {
			for _, p := range topics() {
				if p.Name == args[0] {
					p.WriteText(out, columnsOf(out))
					return nil
				}
			}
		}
		if found, rest, err := root.Find(args); err == nil && len(rest) == 0 && found != root {
			return found.Help()
		}
		// Both output.kafka and output kafka are natural to write.
		err := agent.Components().Config().
			WriteReference(out, strings.Join(args, "."), columnsOf(out))
		if err != nil {
			return &exitError{exitConfig, err}
		}
		return nil
	}
	return cmd
}

// showHelp prints the help of a command.
func showHelp(cmd *cobra.Command, _ []string) {
	out := cmd.OutOrStdout()
	p := commandPage(cmd)
	if !cmd.HasParent() {
		p = rootPage(cmd)
		p.Blocks = append(p.Blocks, reference.Block{
			Text: `"penstock help" lists the components, too; "penstock help run" explains a command.`,
		})
	}
	p.WriteText(out, columnsOf(out))
}

// columnsOf returns how wide text is to be on a terminal, also behind a pager, and elsewhere.
func columnsOf(w io.Writer) int {
	if _, file := w.(*os.File); file && !isTerminal(w) {
		w = os.Stderr
	}
	if !isTerminal(w) {
		return reference.Columns
	}
	columns, _ := terminalSize(w)
	return max(40, min(columns, reference.Columns))
}

// subjects are all pages but those of the commands.
func subjects() []reference.Page {
	return slices.Concat(agent.Components().Config().Pages(), topics())
}

// everything is the whole reference.
func everything(root *cobra.Command) []reference.Page {
	return slices.Concat(subjects(), commandPages(root))
}

// writeMan writes a page for each command into man1, and for each other subject into man5.
func writeMan(root *cobra.Command, dir string) error {
	for section, pages := range map[int][]reference.Page{
		1: append(commandPages(root), programPage(root)), 5: subjects(),
	} {
		at := filepath.Join(dir, fmt.Sprint("man", section))
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		for _, p := range pages {
			var b strings.Builder
			p.WriteMan(&b, section)
			name := fmt.Sprintf("%s.%d", reference.ManName(p.Name), section)
			if err := os.WriteFile(filepath.Join(at, name), []byte(b.String()), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
