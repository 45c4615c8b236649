package partition

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/spool/format/decode"
)

// source appends one raw value of a record; false when the record has none that could be used.
type source func(dst []byte, in *Input) ([]byte, bool)

// binder gives template parts a meaning, and collects the fields they need.
type binder struct {
	cfg    *Config
	agent  string
	fields Fields
	paths  [][]string
	finder Finder // set once all paths are known
	spots  []spot // of fields of JSON, by their number; nil until one is asked for
	loc    *time.Location

	unavailable error
	batch       record.Batch  // that an expression sees
	decoded     record.Record // with the value that it sees
}

// note keeps an error that passes: the record's path is not known yet.
func (b *binder) note(err error) {
	if err != nil && errors.Is(err, decode.ErrUnavailable) {
		b.unavailable = err
	}
}

func (b *binder) field(path []string) int {
	for i, p := range b.paths {
		if strings.Join(p, "\x00") == strings.Join(path, "\x00") {
			return i
		}
	}
	b.paths = append(b.paths, path)
	return len(b.paths) - 1
}

// text is findText for a field of JSON values, and not sure of others.
func (b *binder) text(in *Input, field int) (found []byte, sure bool) {
	f, ok := b.finder.(jsonFinder)
	if !ok || f[field].name == "" {
		return nil, false
	}
	if b.spots == nil {
		b.spots = make([]spot, len(f))
	}
	return b.spots[field].find(in.Record.Value, f[field].name)
}

func (b *binder) layout(what string, t template.Template, full bool) (*layout, error) {
	l := &layout{fallback: []byte(b.cfg.DefaultPartition)}
	var errs []string
	for _, p := range t.Parts {
		if p.Name == "" {
			l.parts = append(l.parts, part{literal: []byte(p.Literal)})
			continue
		}
		x, err := b.part(p, full)
		if err != nil {
			errs = append(errs, fmt.Sprintf("%s: %v", p, err))
			continue
		}
		if x.time != nil {
			if u := x.time.Unit(); u > 0 && (l.unit == 0 || u < l.unit) {
				l.unit = u
			}
		}
		l.parts = append(l.parts, x)
	}
	if errs != nil {
		return nil, fmt.Errorf("%s: %s", what, strings.Join(errs, "; "))
	}
	// Zones differ by quarters of an hour, so within one every unit from an hour up is the same.
	if l.unit > 0 {
		l.bucket = min(l.unit, 15*time.Minute)
	}
	return l, nil
}

const partNames = "topic, partition, tag, tag[N], origin, agent, key, header.NAME, field.NAME, regex(\"...\"), column(N), strftime(\"...\") or expr(\"...\")"

func (b *binder) part(p template.Part, full bool) (part, error) {
	out, ok, err := b.batchPart(p)
	switch {
	case ok:
		return out, err
	case !full && p.Expression != nil:
		return part{}, fmt.Errorf("looks at the record: here it may look at tag, origin and agent")
	case !full:
		return part{}, fmt.Errorf(
			"is not known here: use topic, partition, tag, tag[N], origin or agent",
		)
	}
	return b.recordPart(p)
}

// batchPart returns a part that all records of a batch have in common; ok is false if p is not one.
func (b *binder) batchPart(p template.Part) (out part, ok bool, err error) {
	switch p.Name {
	case "topic":
		return part{
			topic: true,
			src: func(dst []byte, in *Input) ([]byte, bool) {
				return append(dst, in.Topic...), in.Topic != ""
			},
		}, true, arity(p, 0, 0)
	case "tag":
		if len(p.Args) == 1 {
			n, err := dialect.TagIndex(p)
			return part{src: func(dst []byte, in *Input) ([]byte, bool) {
				v := dialect.TagPart(in.Tag, n)
				return append(dst, v...), v != ""
			}}, true, err
		}
		return part{
			src: func(dst []byte, in *Input) ([]byte, bool) {
				return append(dst, in.Tag...), in.Tag != ""
			},
		}, true, arity(p, 0, 0)
	case "origin":
		return part{
			src: func(dst []byte, in *Input) ([]byte, bool) {
				return append(dst, in.Origin...), in.Origin != ""
			},
		}, true, arity(p, 0, 0)
	case "partition":
		return part{src: func(dst []byte, in *Input) ([]byte, bool) {
			return strconv.AppendInt(dst, int64(in.Partition), 10), true
		}}, true, arity(p, 0, 0)
	case "agent":
		return part{
			src: func(dst []byte, in *Input) ([]byte, bool) {
				return append(dst, b.agent...), true
			},
		}, true, arity(p, 0, 0)
	case "expr":
		if p.Expression == nil || !template.OfBatch(p.Expression) {
			return part{}, false, nil
		}
		return part{src: b.expression(p)}, true, nil
	}
	return part{}, false, nil
}

// expression returns what an expression gives. It sees the value that the decoder makes of it.
func (b *binder) expression(p template.Part) source {
	decoded := usesValue(p)
	return func(dst []byte, in *Input) ([]byte, bool) {
		b.batch.Tag, b.batch.Origin = in.Tag, in.Origin
		r := in.Record
		if f, ok := b.finder.(interface {
			whole(*record.Record) ([]byte, error)
		}); ok && decoded {
			text, err := f.whole(r)
			if err != nil {
				b.note(err)
				return dst, false
			}
			b.decoded = *r
			b.decoded.Value = text
			r = &b.decoded
		}
		out, err := p.Expression.Append(dst, &b.batch, r, b.agent)
		return out, err == nil && len(out) > len(dst)
	}
}

// recordPart returns a part that each record has for itself.
func (b *binder) recordPart(p template.Part) (part, error) {
	switch p.Name {
	case "key":
		return part{src: func(dst []byte, in *Input) ([]byte, bool) {
			return append(dst, in.Record.Key...), len(in.Record.Key) > 0
		}}, arity(p, 0, 0)
	case "header":
		if err := arity(p, 1, 1); err != nil {
			return part{}, err
		}
		return part{src: header(p.Args[0])}, nil
	case "field":
		if len(p.Args) == 0 {
			return part{}, fmt.Errorf("needs a name, as in ${field.user.id}")
		}
		i := b.field(dialect.Nested(p))
		return part{src: func(dst []byte, in *Input) ([]byte, bool) {
			if text, sure := b.text(in, i); sure {
				return append(dst, text...), len(text) > 0
			}
			v, err := b.finder.Find(in.Record, i)
			if err != nil || v.Kind == Missing || v.Kind == Other {
				b.note(err)
				return dst, false
			}
			n := len(dst)
			dst = v.AppendTo(dst)
			return dst, len(dst) > n
		}}, nil
	case "expr":
		switch {
		case p.Expression == nil:
			return part{}, fmt.Errorf(`is written expr("lower(field.level)")`)
		case p.Uses("time"):
			return part{}, fmt.Errorf(
				"looks at the record's own time, which is not the event time: use strftime(\"%%H\")",
			)
		}
		return part{src: b.expression(p)}, nil
	case "regex":
		if err := arity(p, 1, 2); err != nil {
			return part{}, err
		}
		group := ""
		if len(p.Args) == 2 {
			group = p.Args[1]
		}
		src, err := regexSource(p.Args[0], group)
		return part{src: src}, err
	case "column":
		if err := arity(p, 1, 1); err != nil {
			return part{}, err
		}
		n, err := strconv.Atoi(p.Args[0])
		if err != nil || n < 1 {
			return part{}, fmt.Errorf("the column must be a number from 1")
		}
		return part{src: column(b.cfg.Delimiter, n)}, nil
	case "strftime":
		s, loc, err := dialect.Strftime(p, b.loc)
		if err != nil {
			return part{}, err
		}
		return part{time: s, loc: loc}, nil
	case "time":
		return part{}, fmt.Errorf("would be an object a record: use strftime(\"%%Y-%%m-%%d\")")
	}
	return part{}, fmt.Errorf("is not known: use %s", partNames)
}

// arity returns an error unless p has from least to most arguments.
func arity(p template.Part, least, most int) error {
	if len(p.Args) < least || len(p.Args) > most {
		return fmt.Errorf("has %d arguments", len(p.Args))
	}
	return nil
}

func header(name string) source {
	return func(dst []byte, in *Input) ([]byte, bool) {
		v, _ := in.Record.Header(name)
		return append(dst, v...), len(v) > 0
	}
}

func regexSource(pattern, group string) (source, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	n := re.SubexpIndex(group)
	if group == "" {
		n = min(1, re.NumSubexp())
	} else if i, err := strconv.Atoi(group); err == nil {
		n = i
	}
	if n < 0 || n > re.NumSubexp() {
		return nil, fmt.Errorf("the expression has no group %q", group)
	}
	return func(dst []byte, in *Input) ([]byte, bool) {
		m := re.FindSubmatchIndex(in.Record.Value)
		if m == nil || m[2*n] == m[2*n+1] {
			return dst, false
		}
		return append(dst, in.Record.Value[m[2*n]:m[2*n+1]]...), true
	}, nil
}

func column(delimiter string, n int) source {
	sep := []byte(delimiter)
	return func(dst []byte, in *Input) ([]byte, bool) {
		rest := in.Record.Value
		for i := 1; ; i++ {
			var v []byte
			var more bool
			if v, rest, more = nextColumn(rest, sep); i == n {
				return append(dst, v...), len(v) > 0
			} else if !more {
				return dst, false
			}
		}
	}
}

// nextColumn cuts one column off a delimited line; a column in double quotes may hold the delimiter
// (its doubled quotes stay).
func nextColumn(p, sep []byte) (v, rest []byte, more bool) {
	if len(p) > 1 && p[0] == '"' {
		for i := 1; i < len(p); i++ {
			if p[i] != '"' {
				continue
			}
			if i+1 < len(p) && p[i+1] == '"' {
				i++
				continue
			}
			if i+1 == len(p) {
				return p[1:i], nil, false
			}
			if bytes.HasPrefix(p[i+1:], sep) {
				return p[1:i], p[i+1+len(sep):], true
			}
			break
		}
	}
	v, rest, more = bytes.Cut(p, sep)
	return bytes.TrimRight(v, "\r\n"), rest, more
}
