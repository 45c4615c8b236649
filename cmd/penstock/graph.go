package main

import (
	"fmt"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/graph"
	"github.com/spf13/cobra"
)

func graphCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "graph CONFIG...",
		Short: "Draw a configuration: what goes where",
		Long: `Draw a configuration: what goes from which inputs through which filters to which outputs, and where it
goes in case of need. - stands for standard input. As text, as Mermaid for a page of Markdown, as DOT for Graphviz, or as a picture:

    penstock graph --format svg /etc/penstock > penstock.svg

The picture is an SVG that stands by itself and is light or dark as its reader is. Names, tag patterns
and conditions are all that is shown of the configuration.`,
		Args: usage(cobra.MinimumNArgs(1)),
	}
	vars := varFlags(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "text, mermaid, dot or svg")
	choices(cmd, "format", "text", "mermaid", "dot", "svg")
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		opts := config.Options{Stdin: cmd.InOrStdin(), Elsewhere: true}
		cfg, report, err := loadWith(opts, paths, *vars)
		if err != nil {
			return err
		}
		if report.Errors() > 0 {
			report.Write(cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr()))
			fmt.Fprintln(cmd.ErrOrStderr(), summary(report))
			return &exitError{code: exitConfig}
		}
		g := graph.New(cfg)
		switch format {
		case "text":
			g.WriteText(cmd.OutOrStdout())
		case "mermaid":
			g.WriteMermaid(cmd.OutOrStdout())
		case "svg":
			g.WriteSVG(cmd.OutOrStdout())
		case "dot":
			g.WriteDOT(cmd.OutOrStdout())
		default:
			return &exitError{
				exitConfig,
				fmt.Errorf("--format %q: write text, mermaid, dot or svg", format),
			}
		}
		return nil
	}
	return cmd
}
