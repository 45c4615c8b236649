package tail

import (
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// ReadsWith returns one of the patterns of c for files that an input with the configuration other
// may read, too; "" if there is none.
func (c *Config) ReadsWith(other any) string {
	o, ok := other.(*Config)
	if !ok {
		return ""
	}
	mine, theirs := newGlobs(c), newGlobs(o)
	leavesOut := func(g *globs, pattern string) bool {
		return slices.Contains(g.exclude, pattern) || g.excluded(pattern)
	}
	for i, a := range mine.include {
		if leavesOut(theirs, mine.whole[i]) {
			continue
		}
		for j, b := range theirs.include {
			if !leavesOut(mine, theirs.whole[j]) && mayMeet(a, b) {
				return mine.whole[i]
			}
		}
	}
	return ""
}

// ReadsToo returns a file that is there now and that an input with the configuration other reads,
// too, or a pattern that both have; "" if there is none.
func (c *Config) ReadsToo(other any) string {
	o, ok := other.(*Config)
	if !ok || c.ReadsWith(other) == "" {
		return ""
	}
	mine, theirs := newGlobs(c), newGlobs(o)
	if slices.Equal(mine.exclude, theirs.exclude) {
		for _, pattern := range mine.whole {
			if slices.Contains(theirs.whole, pattern) && !slices.Contains(mine.exclude, pattern) {
				return pattern
			}
		}
	}
	first := ""
	for path := range mine.walk().paths {
		if theirs.match(path) && (first == "" || path < first) {
			first = path
		}
	}
	return first
}

// mayMeet reports whether a path may match two patterns, given by their components. It errs towards
// true.
func mayMeet(a, b []string) bool {
	switch {
	case len(a) == 0 && len(b) == 0:
		return true
	case len(a) > 0 && a[0] == "**":
		return mayMeet(a[1:], b) || len(b) > 0 && mayMeet(a, b[1:])
	case len(b) > 0 && b[0] == "**":
		return mayMeet(b, a)
	case len(a) == 0 || len(b) == 0:
		return false
	}
	return partsMayMeet(a[0], b[0]) && mayMeet(a[1:], b[1:])
}

// globMeta is what stands for itself in no component of a pattern.
const globMeta = `*?[]{}\`

func partsMayMeet(a, b string) bool {
	switch {
	case !strings.ContainsAny(a, globMeta):
		ok, err := doublestar.Match(b, a)
		return ok || err != nil
	case !strings.ContainsAny(b, globMeta):
		return partsMayMeet(b, a)
	}
	begin := func(p string) string { return p[:strings.IndexAny(p, globMeta)] }
	end := func(p string) string { return p[strings.LastIndexAny(p, globMeta)+1:] }
	return (strings.HasPrefix(begin(a), begin(b)) || strings.HasPrefix(begin(b), begin(a))) &&
		(strings.HasSuffix(end(a), end(b)) || strings.HasSuffix(end(b), end(a)))
}
