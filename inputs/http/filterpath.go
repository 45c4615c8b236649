package http

import (
	"path"
	"strings"
)

// pathFilter is Elasticsearch's filter_path: which fields of an answer a client wants to see.
// https://www.elastic.co/docs/reference/elasticsearch/rest-apis/common-options#common-options-response-filtering
type pathFilter struct {
	in, out [][]string // patterns, in their parts
	known   map[string]bool
}

func newPathFilter(text string) *pathFilter {
	f := &pathFilter{known: map[string]bool{}}
	for _, p := range strings.Split(text, ",") {
		p = strings.TrimSpace(p)
		switch {
		case p == "" || p == "-":
		case p[0] == '-':
			f.out = append(f.out, strings.Split(p[1:], "."))
		default:
			f.in = append(f.in, strings.Split(p, "."))
		}
	}
	return f
}

// takesAll reports whether nothing is filtered.
func (f *pathFilter) takesAll() bool { return len(f.in)+len(f.out) == 0 }

// path reports whether the value at that place is kept.
func (f *pathFilter) path(parts ...string) bool {
	if f.takesAll() {
		return true
	}
	name := strings.Join(parts, ".")
	kept, known := f.known[name]
	if !known {
		kept = len(f.in) == 0 || anyCovers(f.in, parts)
		kept = kept && !anyCovers(f.out, parts)
		f.known[name] = kept
	}
	return kept
}

// within reports whether anything below that place may be kept.
func (f *pathFilter) within(name string) bool {
	for _, p := range f.out {
		if len(p) == 1 && covers(p, []string{name}) {
			return false
		}
	}
	if len(f.in) == 0 {
		return true
	}
	for _, p := range f.in {
		if p[0] == "**" || covers(p[:1], []string{name}) {
			return true
		}
	}
	return false
}

func anyCovers(patterns [][]string, parts []string) bool {
	for _, p := range patterns {
		if covers(p, parts) {
			return true
		}
	}
	return false
}

// covers reports whether the pattern names parts or something that they are in. "*" stands for
// any part of a name, "**" for any number of names.
func covers(pattern, parts []string) bool {
	switch {
	case len(pattern) == 0:
		return true
	case pattern[0] == "**":
		for i := 0; i <= len(parts); i++ {
			if covers(pattern[1:], parts[i:]) {
				return true
			}
		}
		return false
	case len(parts) == 0:
		return false
	}
	ok, err := path.Match(pattern[0], parts[0])
	return err == nil && ok && covers(pattern[1:], parts[1:])
}
