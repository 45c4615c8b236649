package main

import (
	"fmt"

	"github.com/penstock/penstock/agent/config"
	"github.com/spf13/cobra"
)

func validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate CONFIG...",
		Short: "Check configuration files, or directories of them, without starting anything",
		Long: `Check configuration files, or directories of them, without starting anything. Nobody is reached, unless
with --online: then what the components would talk to is looked at, all side by side, and each of them
is a line: ok, warning, or failed with what to do.

    penstock validate --online /etc/penstock

What this machine lacks of what they name is a warning that says what: a file that is not there or may
not be read, such as a certificate, a variable of the environment, a data_dir that may not be written
to. An agent does not start where that is so: with --deny-warnings and with --online it is a mistake.
- stands for standard input.

Brokers are connected to, and asked for topics and groups and what this user may do with them; buckets
are listed, servers connected to, handshakes done; ports are listened on for a moment; files and
directories are looked at. Nothing is written, but with --write-probe: a small object in each object
store, whose name begins with _penstock_write_probe_ and which is deleted at once. Run it as the agent's
user, on the agent's host.`,
		Args: usage(cobra.MinimumNArgs(1)),
	}
	vars := varFlags(cmd)
	var deny bool
	cmd.Flags().BoolVar(&deny, "deny-warnings", false, "exit with 2 if there are warnings, too, or with 1 if --online finds some; what this machine lacks is a mistake")
	var look online
	look.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		if err := look.validate(); err != nil {
			return err
		}
		opts := config.Options{Stdin: cmd.InOrStdin(), Elsewhere: !look.isOn && !deny, Admin: true}
		cfg, report, err := loadWith(opts, paths, *vars)
		if err != nil {
			return err
		}
		tryToMake(report)
		report.Write(cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr()))
		if report.Errors() > 0 || deny && report.Warnings() > 0 {
			fmt.Fprintln(cmd.ErrOrStderr(), summary(report))
			return &exitError{code: exitConfig}
		}
		if look.isOn {
			return look.run(cmd, cfg, deny)
		}
		inputs, outputs := 0, 0
		for _, c := range cfg.Components {
			switch c.Component.Kind {
			case config.Input:
				inputs++
			case config.Output:
				outputs++
			}
		}
		fmt.Fprintf(
			cmd.OutOrStdout(), "valid: %s, %s, %s\n", count(len(cfg.Pipelines), "pipeline"),
			count(inputs, "input"), count(outputs, "output"),
		)
		return nil
	}
	return cmd
}
