package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/penstock/penstock/agent/config"
	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

// Exit codes, as documented in the help of penstock.
const (
	exitOK      = 0
	exitFailure = 1 // something that worked on paper did not work
	exitConfig  = 2 // the configuration or the command line is wrong
	exitSignal  = 3 // a second signal ended the agent before it had stopped
)

// exitError is an error with an exit code. A nil err has been told to the user before.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprint("exit code ", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the command line args and returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(oneDash(args))
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return exitOK
	}
	code := exitFailure
	if e, ok := errors.AsType[*exitError](err); ok {
		if code, err = e.code, e.err; err == nil {
			return code
		}
	}
	fmt.Fprintln(stderr, "penstock:", config.RedactURLs(err.Error()))
	return code
}

// oneDash lets the flags of fmt be written as those of other formatters are: -check for --check.
func oneDash(args []string) []string {
	if len(args) == 0 || args[0] != "fmt" {
		return args
	}
	args = slices.Clone(args)
	for i, a := range args {
		if a == "-check" || a == "-diff" {
			args[i] = "-" + a
		}
	}
	return args
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "penstock",
		Short: "Moves logs from servers to Kafka and object storage, and loses none",
		Long: `penstock moves logs from servers to Kafka and object storage, and loses none.

Exit codes: 0 success; 1 failure; 2 the configuration or the command line is wrong;
3 ended at once by a second signal. Those of status and check tell how the agent is.`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &exitError{exitConfig, fmt.Errorf("%w\nSee %s --help", err, cmd.CommandPath())}
	})
	root.AddCommand(
		runCommand(), validateCommand(), versionCommand(), bufferCommand(), archiveCommand(),
		replayCommand(),
	)
	root.AddCommand(
		fmtCommand(), graphCommand(), convertCommand(), importPositionsCommand(), testCommand(),
		tryCommand(), statusCommand(), checkCommand(),
	)
	root.SetHelpCommand(helpCommand(root))
	return root
}

// usage wraps a check of arguments, so that a wrong command line has its own exit code.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &exitError{exitConfig, fmt.Errorf("%w\nUsage: %s", err, cmd.UseLine())}
		}
		return nil
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  usage(cobra.NoArgs),
		Run: func(cmd *cobra.Command, _ []string) {
			revision := ""
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						revision = " (" + s.Value + ")"
					}
				}
			}
			fmt.Fprintf(
				cmd.OutOrStdout(), "penstock %s%s, %s %s/%s\n", version, revision,
				runtime.Version(), runtime.GOOS, runtime.GOARCH,
			)
		},
	}
}
