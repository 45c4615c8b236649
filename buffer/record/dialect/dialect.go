package dialect

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/buffer/record/timefmt"
	"github.com/tidwall/gjson"
)

// Subject is a record and the batch that it came in. Record is nil where only the batch is known;
// then OfBatch must hold for the template.
type Subject struct {
	Batch  *record.Batch
	Record *record.Record
}

// ErrMissing is wrapped by the error for a part that the record lacks, or that is empty.
var ErrMissing = errors.New("the record lacks a part of the template")

// Bind gives the parts of t their meaning; agent is the agent's name.
func Bind(t template.Template, agent string) (*template.Bound[Subject], error) {
	return template.Bind(
		t, func(p template.Part) (template.Appender[Subject], error) { return Part(p, agent) },
	)
}

// Part returns the meaning of one part, or why it has none.
func Part(p template.Part, agent string) (template.Appender[Subject], error) {
	if err := check(p); err != nil {
		return nil, err
	}
	switch p.Name {
	case "tag":
		if len(p.Args) == 0 {
			return func(dst []byte, s Subject) ([]byte, error) {
				return text(dst, s.Batch.Tag, p.Name)
			}, nil
		}
		i, err := TagIndex(p)
		if err != nil {
			return nil, err
		}
		return func(dst []byte, s Subject) ([]byte, error) {
			return text(dst, TagPart(s.Batch.Tag, i), p.String())
		}, nil
	case "origin":
		return func(dst []byte, s Subject) ([]byte, error) {
			return text(dst, s.Batch.Origin, p.Name)
		}, nil
	case "agent":
		return func(dst []byte, _ Subject) ([]byte, error) {
			return append(dst, agent...), nil
		}, nil
	case "key":
		return func(dst []byte, s Subject) ([]byte, error) {
			return text(dst, s.Record.Key, p.Name)
		}, nil
	case "time":
		return func(dst []byte, s Subject) ([]byte, error) {
			return s.Record.When().AppendFormat(dst, time.RFC3339Nano), nil
		}, nil
	case "strftime":
		pattern, loc, err := Strftime(p, time.UTC)
		if err != nil {
			return nil, err
		}
		return func(dst []byte, s Subject) ([]byte, error) {
			return pattern.Append(dst, s.Record.When().In(loc)), nil
		}, nil
	case "header":
		name := p.Args[0]
		return func(dst []byte, s Subject) ([]byte, error) {
			v, _ := s.Record.Header(name)
			return text(dst, v, p.String())
		}, nil
	case "field":
		path := fieldPath(p)
		return func(dst []byte, s Subject) ([]byte, error) {
			switch v := gjson.GetBytes(s.Record.Value, path); v.Type {
			case gjson.String:
				return text(dst, v.Str, p.String())
			case gjson.Number, gjson.True, gjson.False:
				return append(dst, v.Raw...), nil
			}
			return dst, missing(p.String())
		}, nil
	case "expr":
		return func(dst []byte, s Subject) ([]byte, error) {
			out, err := p.Expression.Append(dst, s.Batch, s.Record, agent)
			if err == nil && len(out) == len(dst) {
				err = errors.New("gives an empty text")
			}
			if err != nil {
				return dst, fmt.Errorf("%w: %s %w", ErrMissing, unwrapped(p.String()), err)
			}
			return out, nil
		}, nil
	}
	return nil, fmt.Errorf("is not known here: use %s", Known)
}

// check reports wrong numbers of arguments.
func check(p template.Part) error {
	least, most := 0, 0
	switch p.Name {
	case "origin", "agent", "key", "time":
	case "tag":
		most = 1
	case "strftime":
		if least, most = 1, 2; !p.Call {
			return errors.New(`is written strftime("%Y-%m-%d")`)
		}
		return arity(p, least, most)
	case "header":
		least, most = 1, 1
	case "field":
		least, most = 1, 100
	case "expr":
		if p.Expression == nil {
			return errors.New(`is written expr("lower(field.level)")`)
		}
		return nil
	default:
		return fmt.Errorf("is not known here: use %s", Known)
	}
	if p.Call && p.Name != "header" && p.Name != "field" {
		return errors.New("is no function here")
	}
	return arity(p, least, most)
}

func arity(p template.Part, least, most int) error {
	switch n := len(p.Args); {
	case n < least && (p.Name == "header" || p.Name == "field"):
		return fmt.Errorf("needs a name, as in ${%s.app}", p.Name)
	case n < least || n > most:
		return fmt.Errorf("has %d arguments", n)
	}
	return nil
}

// TagIndex returns N of tag[N].
func TagIndex(p template.Part) (int, error) {
	i, err := strconv.Atoi(p.Args[0])
	if err != nil {
		return 0, errors.New("the index of a tag is a number: tag[0] is its first part")
	}
	return i, nil
}

// TagPart returns part i of a tag, counted from its end if i is negative; "" if it has no such
// part.
func TagPart(tag string, i int) string {
	parts := strings.Split(tag, ".")
	if i < 0 {
		i += len(parts)
	}
	if i < 0 || i >= len(parts) {
		return ""
	}
	return parts[i]
}

// Group returns which group of re is meant by group[N] or group.NAME.
func Group(p template.Part, re *regexp.Regexp) (int, error) {
	if re == nil || len(p.Args) != 1 {
		return 0, errors.New(
			"is written group[N] or group.NAME, of a regular expression that has it",
		)
	}
	i, err := strconv.Atoi(p.Args[0])
	if err != nil {
		i = re.SubexpIndex(p.Args[0])
	}
	if i < 0 || i > re.NumSubexp() {
		return 0, errors.New("the regular expression has no such group")
	}
	return i, nil
}

// Strftime compiles the arguments of strftime(PATTERN) and strftime(PATTERN, ZONE); loc is for the
// first.
func Strftime(p template.Part, loc *time.Location) (*timefmt.Strftime, *time.Location, error) {
	if err := check(p); err != nil {
		return nil, nil, err
	}
	pattern, err := timefmt.Compile(p.Args[0])
	if err == nil && len(p.Args) == 2 {
		loc, err = time.LoadLocation(p.Args[1])
	}
	return pattern, loc, err
}

// Nested returns the nested names of field.a.b, field["a"]["b"] and field("a.b"), in which \. is a
// dot that belongs to a name.
func Nested(p template.Part) []string {
	if !p.Call {
		return p.Args
	}
	var out []string
	for _, arg := range p.Args {
		out = append(out, SplitNames(arg)...)
	}
	return out
}

// SplitNames splits "a.b" into nested names; "a\.b" is one name.
func SplitNames(s string) []string {
	var out []string
	var cur strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			cur.WriteByte(s[i])
		case s[i] == '.':
			out = append(out, cur.String())
			cur.Reset()
		default:
			cur.WriteByte(s[i])
		}
	}
	return append(out, cur.String())
}

// JoinNames is the reverse of SplitNames.
func JoinNames(names []string) string {
	escaped := make([]string, len(names))
	for i, name := range names {
		escaped[i] = strings.NewReplacer(`\`, `\\`, `.`, `\.`).Replace(name)
	}
	return strings.Join(escaped, ".")
}

func fieldPath(p template.Part) string {
	names := Nested(p)
	escaped := make([]string, len(names))
	for i, name := range names {
		escaped[i] = gjson.Escape(name)
	}
	return strings.Join(escaped, ".")
}

// OfBatch reports whether t is the same for all records of a batch.
func OfBatch(t template.Template) bool {
	for _, p := range t.Parts {
		switch p.Name {
		case "", "tag", "origin", "agent":
		case "expr":
			if p.Expression == nil || !template.OfBatch(p.Expression) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func text[T string | []byte](dst []byte, v T, what string) ([]byte, error) {
	if len(v) == 0 {
		return dst, missing(what)
	}
	return append(dst, v...), nil
}

// missing is made once per refused record only.
func missing(what string) error {
	return fmt.Errorf("%w: %s", ErrMissing, unwrapped(what))
}

func unwrapped(part string) string {
	return strings.TrimSuffix(strings.TrimPrefix(part, "${"), "}")
}
