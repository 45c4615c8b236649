package kafka

import (
	"errors"
	"fmt"
	"strings"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/tidwall/gjson"
)

// subject is what templates are rendered for.
type subject struct {
	b *record.Batch
	r *record.Record // nil when only the batch is known
}

// bindPart gives the parts of topic and key templates their meaning.
func bindPart(agent string) func(template.Part) (template.Appender[subject], error) {
	return func(p template.Part) (template.Appender[subject], error) {
		switch p.Name {
		case "tag", "agent", "key":
			if len(p.Args) > 0 {
				return nil, fmt.Errorf("takes no argument")
			}
		case "header":
			if len(p.Args) != 1 {
				return nil, fmt.Errorf("needs one name, as in ${header.app}")
			}
		case "field":
			if len(p.Args) == 0 {
				return nil, fmt.Errorf("needs a name, as in ${field.user.id}")
			}
		}
		switch p.Name {
		case "tag":
			return func(dst []byte, s subject) ([]byte, error) { return append(dst, s.b.Tag...), nil }, nil
		case "agent":
			return func(dst []byte, _ subject) ([]byte, error) { return append(dst, agent...), nil }, nil
		case "key":
			return func(dst []byte, s subject) ([]byte, error) {
				if len(s.r.Key) == 0 {
					return dst, errors.New("the record has no key")
				}
				return append(dst, s.r.Key...), nil
			}, nil
		case "header":
			name := p.Args[0]
			return func(dst []byte, s subject) ([]byte, error) {
				v, ok := s.r.Header(name)
				if !ok || len(v) == 0 {
					return dst, fmt.Errorf("the record has no header %q", name)
				}
				return append(dst, v...), nil
			}, nil
		case "field":
			return field(p), nil
		}
		return nil, fmt.Errorf("is not known here: use tag, agent, key, header.NAME or field.NAME")
	}
}

func field(p template.Part) template.Appender[subject] {
	args := p.Args
	if p.Call {
		args = strings.Split(strings.Join(args, "."), ".")
	}
	escaped := make([]string, len(args))
	for i, a := range args {
		escaped[i] = gjson.Escape(a)
	}
	path := strings.Join(escaped, ".")
	return func(dst []byte, s subject) ([]byte, error) {
		v := gjson.GetBytes(s.r.Value, path)
		switch v.Type {
		case gjson.String:
			dst = append(dst, v.Str...)
		case gjson.Number, gjson.True, gjson.False:
			dst = append(dst, v.Raw...)
		default:
			return dst, fmt.Errorf("the record has no field %q", strings.Join(args, "."))
		}
		if v.Type == gjson.String && v.Str == "" {
			return dst, fmt.Errorf("the field %q is empty", strings.Join(args, "."))
		}
		return dst, nil
	}
}

// perRecord tells whether a template needs the record.
func perRecord(t template.Template) bool {
	for _, p := range t.Parts {
		if p.Name != "" && p.Name != "tag" && p.Name != "agent" {
			return true
		}
	}
	return false
}

const maxTopic = 249

func validTopic(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > maxTopic {
		return false
	}
	for i := range len(name) {
		if !topicByte(name[i]) {
			return false
		}
	}
	return true
}

func topicByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}

// sanitizeTopic replaces in place what no topic may have.
func sanitizeTopic(name []byte) error {
	for i, c := range name {
		if !topicByte(c) {
			name[i] = '_'
		}
	}
	switch {
	case len(name) == 0:
		return errors.New("the topic is empty")
	case len(name) > maxTopic:
		return fmt.Errorf("the topic %.40q... is longer than %d characters", name, maxTopic)
	case string(name) == "." || string(name) == "..":
		return fmt.Errorf("the topic %q is reserved", name)
	}
	return nil
}

// murmur2 is the hash of Kafka's default partitioner, as a number from 0.
// https://github.com/apache/kafka/blob/4.0/clients/src/main/java/org/apache/kafka/common/utils/Utils.java
func murmur2[T []byte | string](b T) int {
	const m, r = 0x5bd1e995, 24
	h := uint32(0x9747b28c) ^ uint32(len(b))
	n := len(b) &^ 3
	for i := 0; i < n; i += 4 {
		k := uint32(b[i]) | uint32(b[i+1])<<8 | uint32(b[i+2])<<16 | uint32(b[i+3])<<24
		k *= m
		k ^= k >> r
		k *= m
		h *= m
		h ^= k
	}
	switch len(b) & 3 {
	case 3:
		h ^= uint32(b[n+2]) << 16
		fallthrough
	case 2:
		h ^= uint32(b[n+1]) << 8
		fallthrough
	case 1:
		h ^= uint32(b[n])
		h *= m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return int(h & 0x7fffffff)
}
