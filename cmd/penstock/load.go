package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/penstock/penstock/agent"
	"github.com/penstock/penstock/agent/config"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// varFlags adds --var to a command.
func varFlags(cmd *cobra.Command) *[]string {
	return cmd.Flags().
		StringArray("var", nil, "value of a variable, as name=value; may be repeated, and goes before PENSTOCK_VAR_name")
}

// loadConfig reads configuration files. It returns an error for a --var that cannot be read; all
// else is in the report.
func loadConfig(paths, vars []string) (*config.Config, *config.Report, error) {
	return loadWith(config.Options{}, paths, vars)
}

// loadWith is loadConfig with options besides the variables.
func loadWith(
	opts config.Options, paths, vars []string,
) (*config.Config, *config.Report, error) {
	opts.Vars = map[string]string{}
	for _, v := range vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, nil, &exitError{
				exitConfig,
				fmt.Errorf("--var %q: write --var name=value", v),
			}
		}
		opts.Vars[name] = value
	}
	cfg, report := config.Load(paths, agent.Components().Config(), opts)
	return cfg, report, nil
}

// loadAgent reads what configuration files say of the agent itself, for those who look for one that
// runs: mistakes in the rest, which may be in the making, and what is set for the agent alone do
// not matter.
func loadAgent(paths, vars []string) (*config.Agent, error) {
	_, report, err := loadWith(config.Options{Elsewhere: true}, paths, vars)
	if err != nil {
		return nil, err
	}
	if a := report.Agent(); a != nil {
		return a, nil
	}
	return nil, report
}

// tryToMake makes what is right in a configuration, to report what only that shows.
func tryToMake(report *config.Report) {
	made, err := agent.New(
		report.ValidSubset(),
		agent.Options{
			Catalogue: agent.Components(),
			Log:       slog.New(slog.DiscardHandler),
			Version:   version,
		},
	)
	if err == nil {
		for _, f := range made.Foresee() {
			report.Warning(f.Output, fmt.Sprintf(
				"the lines that %s begins with would all become dead letters: %s", f.Path, f.Reason,
			))
		}
		err = made.Discard()
	}
	if err != nil {
		agent.AddMistakes(report, err)
	}
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// logsJSON reports whether the log is JSON: people read a terminal, programs all else.
func logsJSON(format string, terminal bool) bool {
	return format == "json" || format == "auto" && !terminal
}

// summary counts problems, for the last line of a report.
func summary(report *config.Report) string {
	out := count(report.Errors(), "error")
	if n := report.Warnings(); n > 0 {
		out += ", " + count(n, "warning")
	}
	return out
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
