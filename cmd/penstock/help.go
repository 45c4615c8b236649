package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/penstock/penstock/agent"
	"github.com/penstock/penstock/agent/metrics"
	"github.com/spf13/cobra"
)

// helpCommand explains commands, and components from their config structs.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | COMPONENT]",
		Short: "Explain a command, or every attribute of a component such as output.kafka",
		Args:  usage(cobra.ArbitraryArgs),
		ValidArgsFunction: func(
			*cobra.Command, []string, string,
		) ([]string, cobra.ShellCompDirective) {
			return append(
				agent.Components().Config().Subjects(), "metrics", "exit-codes",
			), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			catalogue := agent.Components().Config()
			out := cmd.OutOrStdout()
			if len(args) == 0 {
				if err := root.Help(); err != nil {
					return err
				}
				fmt.Fprintln(out)
				catalogue.WriteList(out)
				fmt.Fprintln(
					out,
					"\nUse \"penstock help output.kafka\" for every attribute of a component,\n\"penstock help metrics\" for every metric, and \"penstock help exit-codes\" for exit codes.",
				)
				return nil
			}
			if len(args) == 1 && args[0] == "metrics" {
				writeMetrics(out)
				return nil
			}
			if len(args) == 1 && args[0] == "exit-codes" {
				writeExitCodes(out)
				return nil
			}
			if found, rest, err := root.Find(args); err == nil && len(rest) == 0 && found != root {
				return found.Help()
			}
			// Both output.kafka and output kafka are natural to write.
			if err := catalogue.WriteReference(out, strings.Join(args, ".")); err != nil {
				return &exitError{exitConfig, err}
			}
			return nil
		},
	}
}

func writeMetrics(out io.Writer) {
	fmt.Fprintln(
		out,
		"Metrics at /metrics, and as JSON by component at /metrics.json. Those of a component carry its name as a label.",
	)
	for _, m := range metrics.Table {
		fmt.Fprintf(out, "\n%s (%s)\n    %s\n", m.Name, m.Kind, m.Help)
	}
}
