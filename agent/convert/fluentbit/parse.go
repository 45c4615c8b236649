package fluentbit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
	"go.yaml.in/yaml/v3"
)

// section is an [INPUT], or an entry of inputs in YAML.
type section struct {
	kind  string // lower case
	at    draft.Place
	props []*prop

	processors []*section // of an input or an output, in YAML
	signal     string     // of a processor: logs, metrics or traces
	condition  *yaml.Node // of a processor; nil for none
}

type prop struct {
	key, value string // the key in lower case
	at         draft.Place
	used       bool
}

// files is all that was read.
type files struct {
	from     kit.Reader
	sections []*section
	set      map[string]string
	pending  []*prop // parsers files
	missing  []*prop // those of them that there are not

	upstreams map[string][]*section // nodes, by the name of theirs
}

func read(paths []string, from kit.Reader) (*files, error) {
	f := &files{from: from, set: map[string]string{}, upstreams: map[string][]*section{}}
	for _, p := range paths {
		if err := f.file(p, nil); err != nil {
			return nil, err
		}
	}
	for len(f.pending) > 0 {
		p := f.pending[0]
		f.pending = f.pending[1:]
		path := p.value
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(p.at.File), path)
		}
		err := f.file(path, nil)
		if errors.Is(err, os.ErrNotExist) {
			f.missing = append(f.missing, p)
		} else if err != nil {
			return nil, fmt.Errorf("parsers_file: %w", err)
		}
	}
	return f, nil
}

func (f *files) file(path string, above []string) error {
	if slices.Contains(above, path) {
		return fmt.Errorf("%s includes itself", path)
	}
	above = append(above, path)
	src, err := f.from(path)
	if err != nil {
		return err
	}
	if kit.IsYAML(path, src) {
		return f.yaml(path, src, above)
	}
	var s *section
	for i, line := range strings.Split(strings.ReplaceAll(string(src), "\r\n", "\n"), "\n") {
		at := draft.Place{File: path, Line: i + 1}
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case strings.HasPrefix(strings.ToLower(line), "@include"):
			if err := f.include(
				strings.TrimSpace(line[len("@include"):]), path, above,
			); err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
		case strings.HasPrefix(strings.ToLower(line), "@set"):
			k, v, _ := strings.Cut(strings.TrimSpace(line[len("@set"):]), "=")
			f.set[strings.TrimSpace(k)] = strings.TrimSpace(v)
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			s = &section{kind: strings.ToLower(strings.Trim(line, "[]")), at: at}
			f.sections = append(f.sections, s)
		case s == nil:
			return fmt.Errorf("%s: %q stands outside of a section", at, line)
		default:
			key, value, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
			f.add(s, key, strings.TrimSpace(value), at)
		}
	}
	return nil
}

func (f *files) add(s *section, key, value string, at draft.Place) {
	p := &prop{key: strings.ToLower(key), value: value, at: at}
	s.props = append(s.props, p)
	if s.kind == "service" && p.key == "parsers_file" {
		p.used = true
		f.pending = append(f.pending, p)
	}
}

func (f *files) include(target, from string, above []string) error {
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(from), target)
	}
	found, err := filepath.Glob(target)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("@INCLUDE %s: no such file", target)
	}
	for _, p := range found {
		if err := f.file(p, above); err != nil {
			return err
		}
	}
	return nil
}

func (f *files) yaml(path string, src []byte, above []string) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(doc.Content) == 0 {
		return nil
	}
	pairs(doc.Content[0], func(key string, v *yaml.Node) {
		switch key {
		case "includes":
		case "env":
			pairs(v, func(k string, v *yaml.Node) { f.set[k] = v.Value })
		case "service":
			f.entry("service", v, path)
		case "pipeline":
			pairs(v, func(kind string, list *yaml.Node) {
				if list.Kind != yaml.SequenceNode {
					f.other(kind, list, path)
					return
				}
				for _, e := range list.Content {
					f.entry(strings.TrimSuffix(kind, "s"), e, path)
				}
			})
		case "upstream_servers":
			for _, e := range v.Content {
				f.upstream(e, path)
			}
		case "parsers", "multiline_parsers":
			for _, e := range v.Content {
				f.entry(strings.TrimSuffix(key, "s"), e, path)
			}
		default:
			f.other(key, v, path)
		}
	})
	var err error
	pairs(doc.Content[0], func(key string, v *yaml.Node) {
		if key != "includes" {
			return
		}
		for _, e := range v.Content {
			if err == nil {
				err = f.include(e.Value, path, above)
			}
		}
	})
	return err
}

// upstream reads the nodes that an output spreads over.
func (f *files) upstream(n *yaml.Node, path string) {
	name := ""
	var nodes []*section
	pairs(n, func(key string, v *yaml.Node) {
		switch key {
		case "name":
			name = v.Value
		case "nodes":
			for _, e := range v.Content {
				s := &section{kind: "node", at: draft.Place{File: path, Line: e.Line}}
				f.fill(s, e, path)
				nodes = append(nodes, s)
			}
		default:
			f.other("upstream_servers."+key, v, path)
		}
	})
	f.upstreams[name] = nodes
}

// expanded has in a text what its references are set to in the configuration.
func (f *files) expanded(text string) string {
	return variable.ReplaceAllStringFunc(text, func(s string) string {
		if v, ok := f.set[s[2:len(s)-1]]; ok {
			return v
		}
		return s
	})
}

// other keeps what is no section that is known, to be told.
func (f *files) other(key string, v *yaml.Node, path string) {
	at := draft.Place{File: path, Line: v.Line}
	s := &section{kind: "other", at: at}
	f.sections = append(f.sections, s)
	value := v.Value
	if v.Kind != yaml.ScalarNode {
		value = "..."
	}
	f.add(s, key, value, at)
}

// others adds the keys of a mapping that nothing is made of.
func (f *files) others(s *section, above string, n *yaml.Node, path string, known ...string) {
	pairs(n, func(key string, v *yaml.Node) {
		if !slices.Contains(known, key) {
			f.add(s, above+"."+key, v.Value, draft.Place{File: path, Line: v.Line})
		}
	})
}

func pairs(n *yaml.Node, each func(key string, v *yaml.Node)) {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		each(n.Content[i].Value, n.Content[i+1])
	}
}

// entry adds one mapping as a section. A list is as many properties of one name.
func (f *files) entry(kind string, n *yaml.Node, path string) {
	s := &section{kind: kind, at: draft.Place{File: path, Line: n.Line}}
	f.sections = append(f.sections, s)
	f.fill(s, n, path)
}

func (f *files) fill(s *section, n *yaml.Node, path string) {
	pairs(n, func(key string, v *yaml.Node) {
		at := draft.Place{File: path, Line: v.Line}
		switch v.Kind {
		case yaml.SequenceNode:
			for _, item := range v.Content {
				if key == "rules" {
					var state, re, next string
					pairs(item, func(k string, v *yaml.Node) {
						switch k {
						case "state":
							state = v.Value
						case "regex":
							re = v.Value
						case "next_state":
							next = v.Value
						}
					})
					f.others(s, "rules", item, path, "state", "regex", "next_state")
					f.add(s, "rule", fmt.Sprintf(`"%s" "%s" "%s"`, state, re, next), at)
					continue
				}
				f.add(s, key, item.Value, at)
			}
		case yaml.MappingNode:
			switch {
			case key == "processors":
				pairs(v, func(signal string, list *yaml.Node) {
					if list.Kind != yaml.SequenceNode {
						f.add(s, "processors."+signal, list.Value, draft.Place{File: path, Line: list.Line})
					}
					for _, e := range list.Content {
						at := draft.Place{File: path, Line: e.Line}
						p := &section{kind: "processor", at: at, signal: signal}
						s.processors = append(s.processors, p)
						f.fill(p, e, path)
					}
				})
			case key == "condition" && s.kind == "processor":
				s.condition = v
				f.others(s, "condition", v, path, "op", "rules")
				pairs(v, func(k string, rules *yaml.Node) {
					for _, rule := range rules.Content {
						f.others(s, "condition."+k, rule, path, "field", "op", "value")
					}
				})
			default:
				f.add(s, key, "...", at)
			}
		default:
			f.add(s, key, v.Value, at)
		}
	})
}

func (s *section) get(keys ...string) *prop {
	for _, key := range keys {
		for _, p := range slices.Backward(s.props) {
			if p.key == key {
				p.used = true
				return p
			}
		}
	}
	return nil
}

func (s *section) all(key string) []*prop {
	var out []*prop
	for _, p := range s.props {
		if p.key == key {
			p.used = true
			out = append(out, p)
		}
	}
	return out
}

func (s *section) value(keys ...string) string {
	if p := s.get(keys...); p != nil {
		return p.value
	}
	return ""
}

func (s *section) title() string { return strings.ToUpper(s.kind) + " " + s.value("name") }

var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// parts takes a value apart into text and references to the environment.
func (f *files) parts(value string) []draft.Part {
	var out []draft.Part
	for {
		m := variable.FindStringSubmatchIndex(value)
		if m == nil {
			break
		}
		if m[0] > 0 {
			out = append(out, draft.Lit(value[:m[0]]))
		}
		name := value[m[2]:m[3]]
		if v, ok := f.set[name]; ok {
			out = append(out, draft.Lit(v))
		} else {
			out = append(out, draft.EnvPart(name))
		}
		value = value[m[1]:]
	}
	if value != "" || out == nil {
		out = append(out, draft.Lit(value))
	}
	return out
}
