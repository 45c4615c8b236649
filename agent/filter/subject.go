package filter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/tidwall/gjson"
)

// subject is what templates of filters are rendered for.
type subject struct {
	batch  *record.Batch
	record *record.Record
}

var errNoField = errors.New("the record has no such field")

func bind(p template.Part) (template.Appender[subject], error) {
	switch {
	case p.Call:
		return nil, errors.New("is not a function here")
	case p.Name == "tag" && len(p.Args) == 0:
		return func(dst []byte, s subject) ([]byte, error) { return append(dst, s.batch.Tag...), nil }, nil
	case p.Name == "tag" && len(p.Args) == 1:
		i, err := strconv.Atoi(p.Args[0])
		if err != nil {
			return nil, errors.New("the index of a tag is a number: tag[0] is its first part")
		}
		return func(dst []byte, s subject) ([]byte, error) { return appendTagPart(dst, s.batch.Tag, i) }, nil
	case p.Name == "origin" && len(p.Args) == 0:
		return func(dst []byte, s subject) ([]byte, error) { return append(dst, s.batch.Origin...), nil }, nil
	case p.Name == "key" && len(p.Args) == 0:
		return func(dst []byte, s subject) ([]byte, error) { return append(dst, s.record.Key...), nil }, nil
	case p.Name == "time" && len(p.Args) == 0:
		return func(dst []byte, s subject) ([]byte, error) {
			return s.record.When().AppendFormat(dst, time.RFC3339Nano), nil
		}, nil
	case p.Name == "header" && len(p.Args) == 1:
		name := p.Args[0]
		return func(dst []byte, s subject) ([]byte, error) {
			v, ok := s.record.Header(name)
			if !ok {
				return dst, errNoField
			}
			return append(dst, v...), nil
		}, nil
	case p.Name == "field" && len(p.Args) > 0:
		escaped := make([]string, len(p.Args))
		for i, a := range p.Args {
			e, err := path(strings.ReplaceAll(a, ".", `\.`))
			if err != nil {
				return nil, err
			}
			escaped[i] = e
		}
		name := strings.Join(escaped, ".")
		return func(dst []byte, s subject) ([]byte, error) {
			if !isObject(s.record.Value) {
				return dst, errNoField
			}
			v := gjson.GetBytes(s.record.Value, name)
			if !v.Exists() {
				return dst, errNoField
			}
			return append(dst, v.String()...), nil
		}, nil
	}
	return nil, fmt.Errorf("is not known here: use tag, tag[N], origin, key, time, header.NAME or field.NAME")
}

// appendTagPart appends part i of a tag.
func appendTagPart(dst []byte, tag string, i int) ([]byte, error) {
	parts := strings.Split(tag, ".")
	if i < 0 || i >= len(parts) {
		return dst, errNoField
	}
	return append(dst, parts[i]...), nil
}
