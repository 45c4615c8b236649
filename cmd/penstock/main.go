package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/config"
	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the command line args and returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	root := rootCommand(stdout, stderr)
	root.SetArgs(oneDash(root, args))
	err := root.Execute()
	if err == nil {
		return exitOK
	}
	code, err := exitCode(root, args, err)
	if err == nil {
		return code
	}
	fmt.Fprintln(stderr, "penstock:", config.RedactURLs(err.Error()))
	return code
}

// oneDash lets flags be written as other programs have them: -format for --format. A flag of the
// command is meant, or nothing. --version is the command of that name.
func oneDash(root *cobra.Command, args []string) []string {
	if len(args) == 1 && slices.Contains([]string{"--version", "-version", "-V"}, args[0]) {
		return []string{"version"}
	}
	cmd, _, err := root.Find(args)
	if err != nil {
		return args
	}
	cmd.InitDefaultHelpFlag()
	args = slices.Clone(args)
	for i, a := range args {
		if a == "--" {
			break
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(a, "-"), "=")
		if len(name) > 1 && strings.HasPrefix(a, "-") && cmd.Flag(name) != nil {
			args[i] = "-" + a
		}
	}
	return args
}

func rootCommand(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "penstock",
		Short: "Moves logs from servers to Kafka and object storage, and loses none",
		Long: `penstock moves logs from servers to Kafka and object storage, and loses none.

Exit codes: 0 success; 1 failure; 2 the configuration or the command line is wrong; 3 ended at once
by a second signal. Those of status and check tell how the agent is: penstock help exit-codes.`,
		SilenceUsage: true, SilenceErrors: true,
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetHelpFunc(showHelp)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &exitError{exitConfig, fmt.Errorf(
			"%w%s\nSee %s --help", err, foreignArg(err), cmd.CommandPath(),
		)}
	})
	root.AddCommand(
		runCommand(), validateCommand(), versionCommand(), bufferCommand(), archiveCommand(),
		replayCommand(),
	)
	root.AddCommand(
		fmtCommand(), graphCommand(), convertCommand(), importPositionsCommand(), testCommand(),
		tryCommand(), initCommand(), statusCommand(), checkCommand(), auditCommand(),
	)
	root.AddCommand(
		topCommand(), tapCommand(), pauseCommand(), resumeCommand(), flushCommand(),
		drainCommand(), deadLettersCommand(),
	)
	root.SetHelpCommand(helpCommand(root))
	root.InitDefaultHelpCmd()
	addCompletion(root)
	completeArgs(root)
	explainExits(root)
	return root
}

// usage wraps a check of arguments, so that a wrong command line has its own exit code.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			if strings.Contains(err.Error(), "arg(s)") {
				err = errors.New("there is too much on the command line")
				if check(cmd, append(args, "x")) == nil || len(args) == 0 {
					err = errors.New("something is missing on the command line")
				}
			}
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
