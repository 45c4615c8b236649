package recordline

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
)

// One record of an overflow object or a dead letter is a line of JSON:
//
//	{"topic":"app-logs","tag":"app","origin":"/var/log/app.log","offset":17,
//	 "time":"2026-01-02T03:04:05.000000006Z",
//	 "key":"k","headers":[{"key":"h","value":"v"}],"value":"the line"}
//
// What is not UTF-8 stands as base64 under the name with _base64 appended. An absent key or value
// is Kafka's null. Absent fields are empty. A dead letter has "output", "reason" and "refused" (the
// time) too; raw_base64 is a batch that could not be read.
const timeLayout = time.RFC3339Nano

// AppendRecord appends a record of b as one line of the overflow's form.
func AppendRecord(dst []byte, b *record.Batch, r *record.Record) []byte {
	return AppendLine(
		dst, &outputs.DeadRecord{Tag: b.Tag, Origin: b.Origin, Topic: b.Topic, Record: *r},
	)
}

// AppendLine appends the line for l, with its end.
func AppendLine(dst []byte, l *outputs.DeadRecord) []byte {
	dst = append(dst, '{')
	if l.Output != "" {
		dst = appendText(dst, "output", l.Output)
		dst = appendText(dst, "reason", l.Reason)
		dst = appendName(dst, "refused")
		dst = append(dst, '"')
		dst = l.Time.UTC().AppendFormat(dst, timeLayout)
		dst = append(dst, '"')
	}
	if l.Topic != "" {
		dst = appendText(dst, "topic", l.Topic)
	}
	dst = appendText(dst, "tag", l.Tag)
	if l.Origin != "" {
		dst = appendText(dst, "origin", l.Origin)
	}
	dst = appendName(dst, "offset")
	dst = strconv.AppendInt(dst, l.Record.Offset, 10)
	if l.Raw != nil {
		dst = appendName(dst, "raw_base64")
		dst = appendBase64(dst, l.Raw)
		return append(dst, '}', '\n')
	}
	dst = appendName(dst, "time")
	dst = append(dst, '"')
	dst = l.Record.When().AppendFormat(dst, timeLayout)
	dst = append(dst, '"')
	if l.Record.Key != nil {
		dst = appendBytes(dst, "key", l.Record.Key)
	}
	if len(l.Record.Headers) > 0 {
		dst = appendName(dst, "headers")
		for i, h := range l.Record.Headers {
			dst = append(dst, "[,"[min(i, 1)], '{')
			dst = appendText(dst, "key", h.Key)
			if h.Value != nil {
				dst = appendBytes(dst, "value", h.Value)
			}
			dst = append(dst, '}')
		}
		dst = append(dst, ']')
	}
	if l.Record.Value != nil {
		dst = appendBytes(dst, "value", l.Record.Value)
	}
	return append(dst, '}', '\n')
}

func appendName(dst []byte, name string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

func appendText(dst []byte, name, s string) []byte {
	if !utf8.ValidString(s) {
		return appendBase64(appendName(dst, name+"_base64"), []byte(s))
	}
	return appendString(appendName(dst, name), s)
}

func appendBytes(dst []byte, name string, v []byte) []byte {
	if !utf8.Valid(v) {
		return appendBase64(appendName(dst, name+"_base64"), v)
	}
	return appendString(appendName(dst, name), v)
}

func appendBase64(dst, v []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, v)
	return append(dst, '"')
}

// appendString appends valid UTF-8 as a JSON string.
func appendString[T string | []byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c != 0x7f {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// line is what a line may hold.
type line struct {
	Output    string     `json:"output"`
	OutputB   []byte     `json:"output_base64"`
	Reason    string     `json:"reason"`
	ReasonB   []byte     `json:"reason_base64"`
	Refused   *time.Time `json:"refused"`
	Topic     string     `json:"topic"`
	TopicB    []byte     `json:"topic_base64"`
	Tag       string     `json:"tag"`
	TagB      []byte     `json:"tag_base64"`
	Origin    string     `json:"origin"`
	OriginB   []byte     `json:"origin_base64"`
	Offset    int64      `json:"offset"`
	Time      *time.Time `json:"time"`
	Key       *string    `json:"key"`
	KeyB      *[]byte    `json:"key_base64"`
	Headers   headers    `json:"headers"`
	Value     *string    `json:"value"`
	ValueB    *[]byte    `json:"value_base64"`
	RawBase64 []byte     `json:"raw_base64"`
}

// headers are read with a bound: an empty one takes three bytes of a line, and a hundred of memory.
type headers []header

const maxHeaders = 10_000

// UnmarshalJSON implements json.Unmarshaler.
func (h *headers) UnmarshalJSON(p []byte) error {
	if n := bytes.Count(p, []byte{'{'}); n > maxHeaders+len(p)/40 {
		return fmt.Errorf("%d headers in %d bytes", n, len(p))
	}
	return json.Unmarshal(p, (*[]header)(h))
}

type header struct {
	Key    string  `json:"key"`
	KeyB   []byte  `json:"key_base64"`
	Value  *string `json:"value"`
	ValueB *[]byte `json:"value_base64"`
}

var (
	errNotUTF8 = errors.New("not UTF-8")
	minTime    = time.Unix(0, -1<<63)
	maxTime    = time.Unix(0, 1<<63-1)
)

// ParseLine reads a line without its end, as AppendLine wrote it or a person edited it. p is not
// kept.
func ParseLine(p []byte) (outputs.DeadRecord, error) {
	if l, ok := parsePlain(p); ok {
		return l, nil
	}
	return parseAnyLine(p)
}

func parseAnyLine(p []byte) (outputs.DeadRecord, error) {
	if !utf8.Valid(p) {
		// encoding/json would replace what is not, and say nothing
		return outputs.DeadRecord{}, errNotUTF8
	}
	var in line
	if err := json.Unmarshal(p, &in); err != nil {
		return outputs.DeadRecord{}, err
	}
	l := outputs.DeadRecord{
		Output: text(in.Output, in.OutputB),
		Reason: text(in.Reason, in.ReasonB),
		Topic:  text(in.Topic, in.TopicB),
		Tag:    text(in.Tag, in.TagB),
		Origin: text(in.Origin, in.OriginB),
		Raw:    in.RawBase64,
		Record: record.Record{
			Offset: in.Offset,
			Key:    opaque(in.Key, in.KeyB),
			Value:  opaque(in.Value, in.ValueB),
		},
	}
	if in.Refused != nil {
		l.Time = *in.Refused
	}
	switch {
	case in.raw() && (in.Time != nil || l.Record.Value != nil):
		return outputs.DeadRecord{}, errors.New("both a record and raw_base64")
	case in.raw():
	case in.Time == nil:
		return outputs.DeadRecord{}, errors.New("no time")
	case in.Time.Before(minTime) || in.Time.After(maxTime):
		return outputs.DeadRecord{}, fmt.Errorf("time %v is out of range", in.Time)
	default:
		l.Record.Time = in.Time.UnixNano()
	}
	if len(in.Headers) > 0 {
		l.Record.Headers = make([]record.Header, 0, len(in.Headers))
	}
	for _, h := range in.Headers {
		l.Record.Headers = append(
			l.Record.Headers,
			record.Header{Key: text(h.Key, h.KeyB), Value: opaque(h.Value, h.ValueB)},
		)
	}
	return l, nil
}

// raw reports whether the line is a batch that could not be read.
func (l *line) raw() bool { return l.RawBase64 != nil }

func text(s string, b []byte) string {
	if b != nil {
		return string(b)
	}
	return s
}

func opaque(s *string, b *[]byte) []byte {
	switch {
	case b != nil && *b != nil:
		return *b
	case s != nil:
		return []byte(*s)
	}
	return nil
}
