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
		Args:  usage(cobra.MinimumNArgs(1)),
	}
	vars := varFlags(cmd)
	var deny bool
	cmd.Flags().BoolVar(&deny, "deny-warnings", false, "exit with 2 if there are warnings, too")
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		cfg, report, err := loadConfig(paths, *vars)
		if err != nil {
			return err
		}
		tryToMake(report)
		report.Write(cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr()))
		if report.Errors() > 0 || deny && report.Warnings() > 0 {
			fmt.Fprintln(cmd.ErrOrStderr(), summary(report))
			return &exitError{code: exitConfig}
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
