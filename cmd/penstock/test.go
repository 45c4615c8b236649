package main

import (
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent"
	"github.com/penstock/penstock/agent/cases"
	"github.com/penstock/penstock/agent/config"
	"github.com/spf13/cobra"
)

func testCommand() *cobra.Command {
	var run string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "test CONFIG...",
		Short: "Test a configuration by the cases beside it, without starting anything",
		Long: `Test a configuration by the cases beside it: those of the files *.test.hcl in its directory, or of
FILE.test.hcl alone for FILE.hcl. Lines go through the input, the filters, the routes and the templates
of the outputs, as they would in the agent; nothing is started and nobody is reached.

    # What the configuration reads, where it is not set.
    env = { KAFKA_PASSWORD = "any" }

    case "an error of the shop goes to its topic" {
      input    = input.tail.app           # where there are several
      pipeline = "shop"                   # of several that name it; else all
      path     = "/var/log/shop/app.log"  # of the lines; of Kafka, the topic
      time     = "2026-01-31T12:00:00Z"   # when they are read
      lines    = ["{\"level\":\"error\"}", "debug"] # or file = "sample.log"
      discarded = 1                       # so many are left out

      expect { # one for each record that comes out, in order
        fields = { level = "error" } # some; or value = { ... }, or "text"
        tag    = "shop"
        to     = [output.kafka.events]
        topic  = "shop-errors"
        # also: key, partition (of partitions = 12 in the case), index,
        # object (its path), headers, time
      }
    }

A record that is expected to be refused has dead_letter = "a part of the reason". tag and key of a case
stand for those that the input gives.`,
		Args: usage(cobra.MinimumNArgs(1)),
	}
	vars := varFlags(cmd)
	cmd.Flags().
		StringVar(&run, "run", "", "run only the cases whose names match this regular expression")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "print each case as it is run")
	cmd.RunE = func(cmd *cobra.Command, configs []string) error {
		want, err := regexp.Compile(run)
		if err != nil {
			return &exitError{exitConfig, fmt.Errorf("--run: %w", err)}
		}
		found, err := cases.Find(configs)
		if err != nil {
			return &exitError{exitConfig, err}
		}
		ran, failed := 0, 0
		for _, path := range found {
			f, err := cases.Read(path)
			if err != nil {
				return &exitError{exitConfig, err}
			}
			a, err := offline(cmd, configs, *vars, f.Env, false)
			if err != nil {
				return err
			}
			n, bad, err := runCases(cmd, a, f, want, verbose)
			if derr := a.Discard(); err == nil {
				err = derr
			}
			if err != nil {
				return err
			}
			ran, failed = ran+n, failed+bad
		}
		if failed > 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s, %d not as expected\n", count(ran, "case"), failed)
			return &exitError{code: exitFailure}
		}
		if ran == 0 {
			return &exitError{exitConfig, fmt.Errorf("no case matches --run %q", run)}
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s, all as expected\n", count(ran, "case"))
		return nil
	}
	return cmd
}

func runCases(
	cmd *cobra.Command, a *agent.Agent, f *cases.File, want *regexp.Regexp, verbose bool,
) (ran, failed int, err error) {
	for i := range f.Cases {
		c := &f.Cases[i]
		if !want.MatchString(c.Name) {
			continue
		}
		ran++
		wrong, err := c.Run(a)
		if err != nil {
			return ran, failed, &exitError{
				exitConfig,
				fmt.Errorf("%s:%d: case %q: %w", f.Path, c.Range.Start.Line, c.Name, err),
			}
		}
		if len(wrong) == 0 {
			if verbose {
				fmt.Fprintf(cmd.OutOrStdout(), "ok  %s:%d: %s\n", f.Path, c.Range.Start.Line, c.Name)
			}
			continue
		}
		failed++
		fmt.Fprintf(cmd.ErrOrStderr(), "%s:%d: %s\n", f.Path, c.Range.Start.Line, c.Name)
		for _, w := range wrong {
			fmt.Fprintf(
				cmd.ErrOrStderr(), "    %s\n",
				strings.ReplaceAll(strings.TrimSpace(w), "\n", "\n    "),
			)
		}
	}
	return ran, failed, nil
}

// offline makes an agent that is not to be run. env serves where the environment does not, and, if
// guess says so, the name of a variable for its value where neither does.
func offline(
	cmd *cobra.Command, configs, vars []string, env map[string]string, guess bool,
) (*agent.Agent, error) {
	opts := config.Options{
		Vars:    map[string]string{},
		DataDir: os.TempDir(), Unconnected: true,
		Env: func(name string) (string, bool) {
			if v, ok := os.LookupEnv(name); ok {
				return v, true
			}
			v, ok := env[name]
			return v, ok
		},
	}
	for _, v := range vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, &exitError{exitConfig, fmt.Errorf("--var %q: write --var name=value", v)}
		}
		opts.Vars[name] = value
	}
	a, report := makeOffline(configs, opts)
	if a != nil {
		return a, nil
	}
	if guess { // secrets and addresses mostly, on which nothing depends here
		var unset []string
		standing := opts
		standing.Unset = func(name string) string {
			unset = append(unset, name)
			return name
		}
		if a, _ := makeOffline(configs, standing); a != nil {
			slices.Sort(unset)
			for _, name := range slices.Compact(unset) {
				fmt.Fprintf(
					cmd.ErrOrStderr(),
					"warning: the environment variable %s is not set: %q stands for its value\n",
					name, name,
				)
			}
			return a, nil
		}
	}
	report.Write(cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr()))
	fmt.Fprintln(cmd.ErrOrStderr(), summary(report))
	return nil, &exitError{code: exitConfig}
}

// makeOffline makes an agent, or reports why it cannot be made.
func makeOffline(configs []string, opts config.Options) (*agent.Agent, *config.Report) {
	cfg, report := config.Load(configs, agent.Components().Config(), opts)
	if report.Errors() > 0 {
		return nil, report
	}
	a, err := agent.New(
		cfg,
		agent.Options{
			Catalogue: agent.Components(),
			Log:       slog.New(slog.DiscardHandler),
			Version:   version,
		},
	)
	if err != nil {
		agent.AddMistakes(report, err)
		return nil, report
	}
	return a, report
}
