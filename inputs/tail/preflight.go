package tail

import (
	"context"
	"slices"

	"github.com/penstock/penstock/buffer/record/preflight"
	"golang.org/x/sys/unix"
)

// Preflight implements preflight.Checker: each of the paths matches files, and these may be read.
func (c *Config) Preflight(ctx context.Context, _ preflight.Env, r *preflight.Report) {
	for _, pattern := range c.Paths {
		if ctx.Err() != nil {
			return
		}
		f := newGlobs(&Config{Paths: []string{pattern}, Exclude: c.Exclude}).walk()
		var unreadable []string
		for path := range f.paths {
			if unix.Access(path, unix.R_OK) != nil {
				unreadable = append(unreadable, path)
			}
		}
		for path := range f.errs {
			unreadable = append(unreadable, path)
		}
		slices.Sort(unreadable)
		do := "let the agent's user read it, and search the directories above"
		switch n := len(unreadable); {
		case n == 1:
			r.Fail(pattern, do, "%s may not be read", unreadable[0])
		case n > 1:
			r.Fail(pattern, do, "%s may not be read, and %d more", unreadable[0], n-1)
		case len(f.paths) == 0:
			r.Warn(
				pattern, "mend it, if files should be there by now",
				"no file matches; files that come later are read from their beginning",
			)
		case len(f.paths) == 1:
			r.OK(pattern, "1 file, which may be read")
		default:
			r.OK(pattern, "%d files, which may be read", len(f.paths))
		}
	}
}
