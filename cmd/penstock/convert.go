package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert"
	"github.com/spf13/cobra"
)

func convertCommand() *cobra.Command {
	var output string
	var tools []string
	long := `Turn the configuration of another tool into one of penstock. It is written to standard output, with a
comment at everything that was not carried over and why; references to the environment stay what they
are. What was changed and left out is told on standard error. - stands for standard input; what that
includes is looked for where you are.

FROM is one of

`
	for _, t := range convert.Tools() {
		tools = append(tools, t.Name)
		long += fmt.Sprintf("    %-12s%s\n", t.Name, t.Doc)
	}
	cmd := &cobra.Command{
		Use:       "convert FROM FILE...",
		Short:     "Turn the configuration of another tool into one of penstock",
		Long:      strings.TrimSpace(long),
		Args:      usage(cobra.MinimumNArgs(2)),
		ValidArgs: tools,
	}
	cmd.Flags().
		StringVarP(&output, "output", "o", "", "file to write instead of standard output; it must not exist")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		known := false
		for _, t := range tools {
			known = known || t == args[0]
		}
		if !known {
			return &exitError{
				exitConfig,
				fmt.Errorf("%q: write one of %s", args[0], strings.Join(tools, ", ")),
			}
		}
		result, err := convertFiles(cmd.InOrStdin(), args[0], args[1:])
		if err != nil {
			return err
		}
		if output == "" {
			_, err = cmd.OutOrStdout().Write(result.HCL)
		} else {
			err = writeNew(output, result.HCL, 0o600) // it may hold passwords
		}
		if err != nil {
			return err
		}
		result.WriteSummary(cmd.ErrOrStderr())
		if !result.Complete() {
			return &exitError{code: exitFailure}
		}
		return nil
	}
	return cmd
}

// convertFiles is convert.Convert that reads stdin for the file -.
func convertFiles(stdin io.Reader, tool string, files []string) (*convert.Result, error) {
	if !slices.Contains(files, "-") {
		return convert.Convert(tool, files)
	}
	text, err := io.ReadAll(stdin)
	if err != nil {
		return nil, err
	}
	return convert.ConvertFrom(tool, files, func(path string) ([]byte, error) {
		if path == "-" {
			return text, nil
		}
		return os.ReadFile(path)
	})
}

// writeNew writes a file that does not exist yet.
func writeNew(path string, content []byte, mode os.FileMode) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
