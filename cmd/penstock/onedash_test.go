package main

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Of every command, each flag can be written with one dash.
func TestOneDashIsEnoughForEachFlag(t *testing.T) {
	t.Parallel()
	flags := 0
	var walk func(cmd *cobra.Command, path []string)
	walk = func(cmd *cobra.Command, path []string) {
		for _, sub := range cmd.Commands() {
			walk(sub, append(slices.Clone(path), sub.Name()))
		}
		if len(path) == 0 || !cmd.Runnable() {
			return
		}
		for _, name := range flagNames(cmd) {
			flags++
			for _, end := range []string{"", "=1"} {
				args := append(slices.Clone(path), "-"+name+end, "x")
				want := append(slices.Clone(path), "--"+name+end, "x")
				if got := oneDash(rootCommand(io.Discard, io.Discard), args); !slices.Equal(got, want) {
					t.Errorf("%v is read as %v", args, got)
				}
			}
		}
	}
	walk(rootCommand(io.Discard, io.Discard), nil)
	if flags < 50 {
		t.Errorf("only %d flags were looked at", flags)
	}
}

// All else stays what it is: short flags, values, what stands behind --.
func TestOneDashLeavesTheRest(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"import-positions", "fluentd", "-n", "-c", "x"}, {"top", "-n5", "-d", "1s"},
		{"convert", "fluentd", "-"}, {"graph", "--", "-format"}, {"graph", "-formats", "svg"},
		{"graph", "--format", "svg"}, {"-nonsense"}, {"nonsense", "-format"}, {},
	} {
		if got := oneDash(rootCommand(io.Discard, io.Discard), args); fmt.Sprint(got) != fmt.Sprint(args) {
			t.Errorf("%v is read as %v", args, got)
		}
	}
	if code := run(
		[]string{"graph", "-format", "dot", "../../examples/pipeline.hcl"}, io.Discard, io.Discard,
	); code != exitOK {
		t.Errorf("graph -format: exit code %d", code)
	}
}

// flagNames returns the long names of a command's flags.
func flagNames(cmd *cobra.Command) (names []string) {
	add := func(f *pflag.Flag) { names = append(names, f.Name) }
	cmd.Flags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	return names
}
