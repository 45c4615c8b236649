package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/buffer/record/durable"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"
)

func fmtCommand() *cobra.Command {
	var check, showDiff bool
	cmd := &cobra.Command{
		Use:   "fmt PATH...",
		Short: "Bring configuration files, or directories of them, into their usual form",
		Long: `Bring configuration files, or directories of them, into their usual form: indentation, spaces and
the alignment of equals signs. Nothing else is changed. The names of the files that were rewritten are
printed. - reads standard input and writes to standard output.`,
		Args: usage(cobra.MinimumNArgs(1)),
	}
	cmd.Flags().
		BoolVar(&check, "check", false, "write nothing, name the files in another form and exit with 1 if there are any")
	cmd.Flags().BoolVar(&showDiff, "diff", false, "write nothing and print what would change")
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		f := formatter{
			check: check,
			diff:  showDiff,
			out:   cmd.OutOrStdout(),
			errs:  cmd.ErrOrStderr(),
		}
		return f.run(cmd.InOrStdin(), paths)
	}
	return cmd
}

// formatter formats files one by one; a file that cannot be formatted does not keep others from it.
type formatter struct {
	check, diff bool
	out, errs   io.Writer
	others      int // files in another form
	bad         bool
}

func (f *formatter) run(stdin io.Reader, paths []string) error {
	for _, path := range paths {
		if path == "-" {
			src, err := io.ReadAll(stdin)
			if err != nil {
				return err
			}
			if done, ok := f.format("<stdin>", src); ok && !f.check && !f.diff {
				if _, err := f.out.Write(done); err != nil {
					return err
				}
			}
			continue
		}
		files, err := hclFiles(path)
		if err != nil {
			f.bad = true
			fmt.Fprintln(f.errs, "penstock:", err)
		}
		for _, file := range files {
			if err := f.file(file); err != nil {
				return err
			}
		}
	}
	switch {
	case f.bad:
		return &exitError{code: exitConfig}
	case f.check && f.others > 0:
		return &exitError{code: exitFailure}
	}
	return nil
}

// hclFiles returns a file itself, or all *.hcl files below a directory.
func hclFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var out []string
	err = filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(p, ".hcl") {
			out = append(out, p)
		}
		return err
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("no *.hcl files below %s", path)
	}
	slices.Sort(out)
	return out, err
}

func (f *formatter) file(path string) error {
	src, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	done, ok := f.format(path, src)
	if !ok || f.check || f.diff || bytes.Equal(src, done) {
		return nil
	}
	if err := replaceFile(path, done); err != nil {
		return err
	}
	fmt.Fprintln(f.out, path)
	return nil
}

// format returns src in its usual form, having told what the flags ask for, and false if it is no
// HCL.
func (f *formatter) format(name string, src []byte) ([]byte, bool) {
	if _, diags := hclwrite.ParseConfig(src, name, hcl.InitialPos); diags.HasErrors() {
		f.bad = true
		config.SyntaxReport(name, src).Write(f.errs, isTerminal(f.errs))
		return nil, false
	}
	done := hclwrite.Format(src)
	if bytes.Equal(src, done) {
		return done, true
	}
	f.others++
	if f.check {
		fmt.Fprintln(f.out, name)
	}
	if f.diff {
		fmt.Fprintf(f.out, "%s", diff.Diff(name, src, name+" (formatted)", done))
	}
	return done, true
}

// replaceFile puts content in the place of a file in one step, so that a crash leaves the one or
// the other, with the permissions that the file had. A link goes on leading to the file it leads
// to.
func replaceFile(path string, content []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(content)
	return durable.Replace(path, tmp, errors.Join(err, tmp.Chmod(info.Mode().Perm())))
}
