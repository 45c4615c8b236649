package tail

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/buffer/record/template"
)

// tagger makes a file's tag and headers from its path.
type tagger struct {
	bound          *template.Bound[*pathMatch]
	pattern        *regexp.Regexp
	headers        bool // named groups of pattern become headers
	isContainerLog bool // paths are those of containers' logs
}

type pathMatch struct {
	path   string
	groups []string // of path_pattern; nil where it does not match
}

// newTagger compiles the tag template; without one every tag is fallback.
func newTagger(c *Config, fallback string) (*tagger, error) {
	t := &tagger{headers: c.PathHeaders, isContainerLog: c.Container}
	if c.PathPattern != "" {
		re, err := regexp.Compile(c.PathPattern)
		if err != nil {
			return nil, fmt.Errorf("path_pattern: %w", err)
		}
		t.pattern = re
	}
	tmpl := c.Tag
	if tmpl.IsZero() {
		tmpl = template.Template{Parts: []template.Part{{Literal: fallback}}}
	}
	var err error
	if t.bound, err = template.Bind(tmpl, t.bind); err != nil {
		return nil, fmt.Errorf("tag: %w", err)
	}
	return t, nil
}

var pathParts = map[string]func(path string) string{
	"path":      func(p string) string { return p },
	"path_dots": func(p string) string { return strings.ReplaceAll(strings.Trim(p, "/"), "/", ".") },
	"dir":       filepath.Dir,
	"base":      filepath.Base,
	"ext":       filepath.Ext,
	"stem":      func(p string) string { return strings.TrimSuffix(filepath.Base(p), filepath.Ext(p)) },
}

func (t *tagger) bind(p template.Part) (template.Appender[*pathMatch], error) {
	if p.Name == "group" && !p.Call && len(p.Args) > 0 {
		i, err := dialect.Group(p, t.pattern)
		return func(dst []byte, m *pathMatch) ([]byte, error) {
			if m.groups == nil {
				return dst, nil
			}
			return append(dst, m.groups[i]...), nil
		}, err
	}
	if p.Call || len(p.Args) > 0 {
		return nil, fmt.Errorf("only plain names such as ${stem} can be used here")
	}
	if t.pattern != nil {
		if i := t.pattern.SubexpIndex(p.Name); i >= 0 {
			return func(dst []byte, m *pathMatch) ([]byte, error) {
				if m.groups == nil {
					return dst, nil
				}
				return append(dst, m.groups[i]...), nil
			}, nil
		}
	}
	part, ok := pathParts[p.Name]
	if !ok {
		names := []string{"path", "path_dots", "dir", "base", "stem", "ext"}
		if t.pattern != nil {
			names = append(
				names,
				slices.DeleteFunc(
					t.pattern.SubexpNames(), func(s string) bool { return s == "" },
				)...)
		}
		return nil, fmt.Errorf("unknown name; known are %s", strings.Join(names, ", "))
	}
	return func(dst []byte, m *pathMatch) ([]byte, error) {
		return append(dst, part(m.path)...), nil
	}, nil
}

// tag returns the tag of the file first seen at path.
func (t *tagger) tag(path string) string {
	m := &pathMatch{path: path}
	if t.pattern != nil {
		m.groups = t.pattern.FindStringSubmatch(path)
	}
	dst, _ := t.bound.Append(nil, m) // the appenders above return no error
	return string(dst)
}

// headersOf returns the headers of the records of the file first seen at path: a named group keeps
// the dots that a part of a tag cannot have. A group that matched nothing has no header.
func (t *tagger) headersOf(path string) []record.Header {
	var out []record.Header
	if t.isContainerLog && t.headers {
		out = kubeHeaders(path, os.Readlink)
	}
	if !t.headers || t.pattern == nil {
		return out
	}
	groups := t.pattern.FindStringSubmatch(path)
	for i, name := range t.pattern.SubexpNames() {
		if name != "" && groups != nil && groups[i] != "" {
			out = slices.DeleteFunc(out, func(h record.Header) bool { return h.Key == name })
			out = append(out, record.Header{Key: name, Value: []byte(groups[i])})
		}
	}
	return out
}
