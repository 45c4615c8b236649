package file

import (
	"context"
	"os"
	"path/filepath"

	"github.com/penstock/penstock/buffer/record/preflight"
	"golang.org/x/sys/unix"
)

// Preflight implements preflight.Checker.
func (c *Config) Preflight(_ context.Context, _ preflight.Env, r *preflight.Report) {
	info, err := os.Stat(c.Path)
	switch {
	case err != nil:
		preflight.Directory(filepath.Dir(c.Path), r)
	case info.IsDir():
		r.Fail(c.Path, "name a file in it", "it is a directory")
	case !info.Mode().IsRegular():
		r.Fail(c.Path, "use output stdout", "it is a pipe or a device")
	case unix.Access(c.Path, unix.W_OK) != nil:
		r.Fail(c.Path, "let the agent's user write to it", "it may not be written to")
	default:
		r.OK(c.Path, "may be written to")
	}
}
