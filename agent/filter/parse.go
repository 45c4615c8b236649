package filter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/penstock/penstock/buffer/record"
	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"
)

// ParseConfig is the config of the parse filter.
type ParseConfig struct {
	Format  string `hcl:"format" oneof:"regex|json|logfmt" doc:"How the text is written."`
	Pattern string `hcl:"pattern,optional" doc:"Regular expression (RE2) for regex; its named groups become fields: (?P<status>[0-9]+)."`
	Field   string `hcl:"field,optional" doc:"Parse this field of a JSON value and add what it holds to the object; the whole value otherwise."`
	Keep    string `hcl:"keep,optional" doc:"Field that keeps the text that was parsed; without one it is not kept."`
	Into    string `hcl:"into,optional" doc:"Field for an object with what was parsed; the top of the value otherwise."`
}

// DefaultParse returns the defaults.
func DefaultParse() ParseConfig { return ParseConfig{} }

// Validate checks the config.
func (c *ParseConfig) Validate() error {
	_, err := c.compile()
	return err
}

// parser turns text into a JSON object, or nil if it cannot.
type parser func(text []byte) []byte

func (c *ParseConfig) compile() (*Parse, error) {
	f := &Parse{}
	var errs []error
	switch c.Format {
	case "regex":
		re, err := regexp.Compile(c.Pattern)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("pattern: %w", err))
		case c.Pattern == "":
			errs = append(errs, errors.New("pattern: format \"regex\" needs one"))
		default:
			named := 0
			for _, name := range re.SubexpNames() {
				if name != "" {
					named++
				}
			}
			if named == 0 {
				errs = append(errs, errors.New("pattern: has no named group, such as (?P<status>[0-9]+), so nothing would be taken from it"))
			}
			f.parse = func(text []byte) []byte { return parseRegex(re, text) }
		}
	case "json":
		f.parse = func(text []byte) []byte {
			if !isObject(text) {
				return nil
			}
			return bytes.TrimSpace(text)
		}
	case "logfmt":
		f.parse = parseLogfmt
	default:
		errs = append(errs, errors.New("format: must be regex, json or logfmt"))
	}
	if c.Format != "regex" && c.Pattern != "" {
		errs = append(errs, errors.New("pattern: has a meaning for format \"regex\" only"))
	}
	for name, field := range map[string]struct {
		text string
		to   *string
	}{"field": {c.Field, &f.field}, "keep": {c.Keep, &f.keep}, "into": {c.Into, &f.into}} {
		if field.text == "" {
			continue
		}
		p, err := path(field.text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		*field.to = p
	}
	return f, errors.Join(errs...)
}

// Parse turns text into JSON fields.
type Parse struct {
	editor
	parse             parser
	field, keep, into string
}

// NewParse returns the filter.
func NewParse(c ParseConfig, env Env) (*Parse, error) {
	f, err := c.compile()
	if err != nil {
		return nil, err
	}
	f.editor = newEditor(env)
	return f, nil
}

// Apply implements Filter.
func (f *Parse) Apply(b *record.Batch) *record.Batch {
	return f.edit(b, func(r *record.Record) verdict {
		value, ok := f.value(r.Value)
		if !ok {
			return unhandled
		}
		if bytes.Equal(value, r.Value) {
			return kept
		}
		r.Value = value
		return changed
	})
}

func (f *Parse) value(whole []byte) ([]byte, bool) {
	text, out := whole, []byte("{}")
	if f.field != "" {
		if !isObject(whole) {
			return nil, false
		}
		v := gjson.GetBytes(whole, f.field)
		if v.Type != gjson.String {
			return nil, false
		}
		text, out = []byte(v.String()), whole
	}
	fields := f.parse(text)
	if fields == nil {
		return nil, false
	}
	var err error
	if f.field != "" {
		if out, err = sjson.DeleteBytes(out, f.field); err != nil {
			return nil, false
		}
	}
	switch {
	case f.into != "":
		out, err = sjson.SetRawBytes(out, f.into, fields)
	case f.field == "":
		out = fields
	default:
		out = merge(out, fields)
	}
	if err == nil && f.keep != "" {
		out, err = sjson.SetBytes(out, f.keep, string(text))
	}
	return out, err == nil
}

// merge sets the members of one object in another, in the place of those that have the same name. Any
// name will do, the empty one too.
func merge(dst, fields []byte) []byte {
	type member struct {
		name, key, value string
		set              bool
	}
	var add []member
	gjson.ParseBytes(fields).ForEach(func(key, v gjson.Result) bool {
		add = append(add, member{name: key.String(), key: key.Raw, value: v.Raw})
		return true
	})
	out := append(make([]byte, 0, len(dst)+len(fields)), '{')
	put := func(key, value string) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	gjson.ParseBytes(dst).ForEach(func(key, v gjson.Result) bool {
		value, name := v.Raw, key.String()
		for i := range add {
			if add[i].name == name {
				add[i].set, value = true, add[i].value
			}
		}
		put(key.Raw, value)
		return true
	})
	for _, m := range add {
		if !m.set {
			put(m.key, m.value)
		}
	}
	return append(out, '}')
}

func parseRegex(re *regexp.Regexp, text []byte) []byte {
	m := re.FindSubmatchIndex(text)
	if m == nil {
		return nil
	}
	out := []byte{'{'}
	for i, name := range re.SubexpNames() {
		if name != "" && m[2*i] >= 0 {
			out = appendMember(out, name, text[m[2*i]:m[2*i+1]])
		}
	}
	return append(out, '}')
}

// parseLogfmt reads key=value pairs; a value may stand in double quotes or backticks, and a key alone is true.
func parseLogfmt(text []byte) []byte {
	out := []byte{'{'}
	found := false
	for i := 0; i < len(text); {
		if text[i] <= ' ' {
			i++
			continue
		}
		start := i
		for i < len(text) && text[i] > ' ' && text[i] != '=' && text[i] != '"' {
			i++
		}
		key := text[start:i]
		if len(key) == 0 || i < len(text) && text[i] == '"' {
			return nil
		}
		if i == len(text) || text[i] != '=' {
			out = appendName(out, string(key))
			out = append(out, "true"...)
			continue
		}
		i++
		found = true
		if end := rawEnd(text, i); end > 0 {
			out = appendMember(out, string(key), text[i+1:end])
			i = end + 1
			continue
		}
		if i < len(text) && text[i] == '"' {
			end := i + 1
			for end < len(text) && text[end] != '"' {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(text) {
				return nil
			}
			out = appendMember(out, string(key), unquote(text[i:end+1]))
			i = end + 1
			continue
		}
		start = i
		for i < len(text) && text[i] > ' ' {
			i++
		}
		out = appendMember(out, string(key), text[start:i])
	}
	if !found {
		return nil
	}
	return append(out, '}')
}

// rawEnd returns where the text in backticks that begins at i ends, or 0 if none does. Nothing is
// escaped in it, and a space or the end of the text follows.
func rawEnd(text []byte, i int) int {
	if i >= len(text) || text[i] != '`' {
		return 0
	}
	n := bytes.IndexByte(text[i+1:], '`')
	if end := i + 1 + n; n >= 0 && (end+1 == len(text) || text[end+1] <= ' ') {
		return end
	}
	return 0
}

// unquote undoes the quoting of a logfmt value, as far as it is quoted the way Go and JSON do.
func unquote(q []byte) []byte {
	var s string
	if json.Unmarshal(q, &s) == nil {
		return []byte(s)
	}
	return q[1 : len(q)-1]
}

func appendName(dst []byte, name string) []byte {
	if len(dst) > 1 {
		dst = append(dst, ',')
	}
	dst = gjson.AppendJSONString(dst, name)
	return append(dst, ':')
}

func appendMember(dst []byte, name string, value []byte) []byte {
	return gjson.AppendJSONString(appendName(dst, name), string(value))
}
