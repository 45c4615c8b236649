package main

import (
	"os"

	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// demoCommand runs the main job on this machine alone.
func demoCommand() *cobra.Command {
	opts := demo.Options{Out: os.Stdout}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the main job end to end with an embedded broker, and count every line",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.Live = term.IsTerminal(int(os.Stdout.Fd()))
			return demo.Run(cmd.Context(), opts)
		},
	}
	cmd.Flags().
		StringVar(&opts.Dir, "dir", "", "work directory, kept afterwards (default: a temporary one, removed)")
	cmd.Flags().IntVar(&opts.Rate, "rate", 4000, "lines a second that the apps write together")
	return cmd
}
