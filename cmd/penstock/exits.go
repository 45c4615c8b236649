package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/reference"
	"github.com/spf13/cobra"
)

// Exit codes of all commands but status and check.
const (
	exitOK      = 0
	exitFailure = 1 // something that worked on paper did not work
	exitConfig  = 2 // the configuration or the command line is wrong
	exitSignal  = 3 // a second signal ended the agent before it had stopped
)

// Exit codes of status and check, as those of Nagios plugins.
const (
	exitWarning  = 1
	exitCritical = 2
	exitUnknown  = 3 // the command line is wrong, too
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

// exitMeanings is what the exit codes of some commands mean, code by code.
type exitMeanings struct {
	commands string
	meanings []string
}

// exitTable has a row for each command that does something. A row also holds for the commands
// below those it names.
var exitTable = []exitMeanings{
	{"run", []string{
		"stopped by SIGTERM or SIGINT, or all inputs have ended and all is delivered",
		"it could not go on",
		"the configuration or the command line is wrong; nothing was started",
		"ended at once by a second signal; what was acknowledged is on disk",
	}},
	{"validate", []string{
		"valid, and with --online nothing failed",
		"with --online, something failed, or with --deny-warnings is not as it should be",
		"there are mistakes, which with --deny-warnings and --online what this machine lacks is, or with " +
			"--deny-warnings warnings, or the command line is wrong",
	}},
	{"init", []string{
		"the configuration is written", "it cannot be written",
		"answers are missing or make no valid configuration, or there is a file already",
	}},
	{"test", []string{
		"all is as expected", "something is not",
		"the configuration, a test file or the command line is wrong",
	}},
	{"try", []string{
		"success", "standard input cannot be read",
		"the configuration or the command line is wrong",
	}},
	{"fmt", []string{
		"success", "with --check, there are files in another form; or a file cannot be written",
		"a file cannot be read as HCL, and is left as it is; or the command line is wrong",
	}},
	{"graph", []string{"success", "-", "the configuration or the command line is wrong"}},
	{"convert", []string{
		"all that decides where data goes was carried over",
		"some of it was left out, or a file cannot be read or written",
		"the command line is wrong",
	}},
	{"import-positions", []string{
		"all that is known of files that are there was taken over",
		"some of it was not, or a file cannot be read",
		"the configuration or the command line is wrong",
	}},
	{"replay", []string{
		"all was replayed",
		"it was not, or something was damaged or is being replayed by another",
		"the configuration or the command line is wrong",
	}},
	{"dead-letters", []string{
		"success", "something was not replayed, or cannot be read, or the agent does not answer",
		"the configuration or the command line is wrong",
	}},
	{"archive", []string{
		"success", "something is wrong with what is stored, or cannot be reached",
		"the configuration or the command line is wrong",
	}},
	{"buffer", []string{
		"success", "something is damaged, or cannot be read", "the command line is wrong",
	}},
	{"audit", []string{
		"every record is accounted for", "there are differences",
		"it could not be told, or the command line is wrong",
	}},
	{"status check", []string{
		"all is well, or mends itself", "have a look", "a person is needed",
		"the agent does not answer, or the configuration or the command line is wrong",
	}},
	{"pause resume tap top", []string{
		"success", "the agent does not answer, or refuses it",
		"the configuration or the command line is wrong",
	}},
	{"flush", []string{
		"what was open is stored",
		"some of it is refused, or could not be stored in time, or the agent does not answer",
		"the configuration or the command line is wrong",
	}},
	{"drain", []string{
		"all is delivered, and the agent ends",
		"some of it could not be delivered in time and stays on disk, or the agent does not answer",
		"the configuration or the command line is wrong",
	}},
	{"help version completion", []string{"success", "-", "the command line is wrong"}},
}

// exitsOf returns the row of a command.
func exitsOf(cmd *cobra.Command) (exitMeanings, bool) {
	for ; cmd.HasParent(); cmd = cmd.Parent() {
		for _, e := range exitTable {
			if slices.Contains(strings.Fields(e.commands), cmd.Name()) {
				return e, true
			}
		}
	}
	return exitMeanings{}, false
}

// String returns the row as a sentence for the help of a command.
func (e exitMeanings) String() string {
	out := "Exit codes:"
	for code, meaning := range e.meanings {
		if meaning != "-" {
			out += fmt.Sprintf(" %d %s;", code, meaning)
		}
	}
	return strings.Join(reference.Wrap(strings.TrimSuffix(out, ";")+".", 96), "\n")
}

// explainExits adds the exit codes to the help of each command, and sees to it that a command which
// only holds others refuses what is none of them.
func explainExits(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		explainExits(c)
	}
	if !cmd.HasParent() {
		return
	}
	if !cmd.Runnable() {
		cmd.Args = nil
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return &exitError{exitConfig, fmt.Errorf(
				"unknown command %q for %q\nSee %s --help", args[0], cmd.CommandPath(),
				cmd.CommandPath(),
			)}
		}
	}
	if e, ok := exitsOf(cmd); ok {
		if cmd.Long == "" {
			cmd.Long = cmd.Short + "."
		}
		cmd.Long += "\n\n" + e.String()
	}
}

// exitCode returns the exit code for what went wrong, and what is still to be told.
func exitCode(root *cobra.Command, args []string, err error) (int, error) {
	code := exitFailure
	if e, ok := err.(*exitError); ok {
		code, err = e.code, e.err
	} else if e, ok := errors.AsType[*exitError](err); ok {
		if code = e.code; err.Error() == e.Error() {
			err = e.err
		}
	} else if strings.HasPrefix(err.Error(), "unknown command ") {
		code, err = exitConfig, fmt.Errorf("%w%s", err, foreignArg(err)) // cobra has no type for it
	}
	if cmd, _, ferr := root.Find(args); ferr == nil && code == exitConfig && err != nil {
		if e, ok := exitsOf(cmd); ok && e.commands == "status check" {
			code = exitUnknown
		}
	}
	return code, err
}

// choices has the shell complete a flag that takes one of a few values.
func choices(cmd *cobra.Command, flag string, of ...string) {
	fixed := cobra.FixedCompletions(of, cobra.ShellCompDirectiveNoFileComp)
	_ = cmd.RegisterFlagCompletionFunc(flag, fixed) // there is such a flag
}
