package http

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/network/wire"
)

// A request is taken apart down to its log records, and only one of these is held as a message at a
// time. An empty one is two bytes on the wire and two hundred in memory. For the same reason one is
// weighed before it is read.

// messageCost is what a message takes in memory beside its contents, about.
const messageCost = 160

// protoFields calls each with the length-delimited fields of a protobuf message.
func protoFields(b []byte, each func(num protowire.Number, v []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: %w", errOTLP, protowire.ParseError(n))
		}
		b = b[n:]
		if typ != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
				return fmt.Errorf("%w: %w", errOTLP, protowire.ParseError(n))
			}
			b = b[n:]
			continue
		}
		v, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return fmt.Errorf("%w: %w", errOTLP, protowire.ParseError(n))
		}
		b = b[n:]
		if err := each(num, v); err != nil {
			return err
		}
	}
	return nil
}

// shape tells which fields of a message are messages, and of which shape, and which are text.
type shape map[protowire.Number]*shape

// text is the shape of a string.
var text = &shape{}

// The shapes of what may nest or repeat: opentelemetry/proto/{common,logs,resource}/v1.
var recordShape, resourceShape, scopeShape = otlpShapes()

func otlpShapes() (logRecord, resource, scope *shape) {
	value, list, pair := &shape{}, &shape{}, &shape{}
	*list = shape{1: value}
	*value = shape{1: text, 5: list, 6: &shape{1: pair}}
	*pair = shape{1: text, 2: value}
	entity := &shape{1: text, 2: text, 3: text, 4: text}
	return &shape{3: text, 5: value, 6: pair, 12: text}, &shape{1: pair, 3: entity},
		&shape{1: text, 2: text, 3: pair}
}

// appendValid appends a message with its strings as UTF-8. Senders put into them what an app has
// written. It ends early where dst gets longer than most.
func (s *shape) appendValid(dst, b []byte, most int) ([]byte, error) {
	for len(b) > 0 && len(dst) <= most {
		num, typ, n := protowire.ConsumeField(b)
		if n < 0 {
			return nil, fmt.Errorf("%w: %w", errOTLP, protowire.ParseError(n))
		}
		field := b[:n]
		b = b[n:]
		inner := (*s)[num]
		if inner == nil || typ != protowire.BytesType {
			dst = append(dst, field...)
			continue
		}
		_, _, head := protowire.ConsumeTag(field)
		v, _ := protowire.ConsumeBytes(field[head:])
		dst = append(dst, field[:head]...)
		dst = append(dst, 0x80, 0x80, 0x80, 0x80, 0) // the length, set below
		begun := len(dst)
		if inner == text {
			dst = appendValidText(dst, v, most)
		} else {
			var err error
			if dst, err = inner.appendValid(dst, v, most); err != nil {
				return nil, err
			}
		}
		length := len(dst) - begun
		for i := range 5 {
			dst[begun-5+i] |= byte(length>>(7*i)) & 0x7f
		}
	}
	return dst, nil
}

// appendValidText appends s with bytes that are not UTF-8 as in JSON made of anything else: \xff.
func appendValidText(dst, s []byte, most int) []byte {
	for len(s) > 0 && len(dst) <= most {
		r, n := utf8.DecodeRune(s)
		if r == utf8.RuneError && n == 1 {
			dst = fmt.Appendf(dst, `\x%02x`, s[0])
		} else {
			dst = append(dst, s[:n]...)
		}
		s = s[n:]
	}
	return dst
}

// weight returns about how much memory the message takes when it is read; over most it need not be
// right.
func (s *shape) weight(b []byte, depth, most int) (int, error) {
	total := messageCost + len(b)
	if len(b) < 1<<10 && len(b)/2*messageCost < most { // however it is made up
		return total, nil
	}
	if depth == 0 {
		return most + 1, nil
	}
	err := protoFields(b, func(num protowire.Number, v []byte) error {
		inner := (*s)[num]
		if inner == nil || inner == text || total > most {
			return nil
		}
		n, err := inner.weight(v, depth-1, most-total)
		total += n
		return err
	})
	return total, err
}

func (r *request) readProto(s *shape, b []byte, into proto.Message) error {
	n, err := s.weight(b, 3*r.h.cfg.MaxDepth, r.room())
	switch {
	case err != nil:
		return err
	case n > r.room():
		return r.otlpTooLong()
	}
	err = proto.Unmarshal(b, into)
	if err != nil && !utf8.Valid(b) {
		if b, err = s.appendValid(make([]byte, 0, len(b)+len(b)/4), b, r.room()); err != nil {
			return err
		}
		if len(b) > r.room() {
			return r.otlpTooLong()
		}
		err = proto.Unmarshal(b, into)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errOTLP, err)
	}
	return nil
}

// otlpProto takes an ExportLogsServiceRequest as protobuf.
func (r *request) otlpProto(body []byte, now time.Time) error {
	var buf []byte
	var rec logspb.LogRecord
	return protoFields(body, func(num protowire.Number, logs []byte) error {
		if num != 1 { // resource_logs
			return nil
		}
		var shared otlpScope
		var resource []byte
		err := protoFields(logs, func(num protowire.Number, v []byte) error {
			switch num {
			case 1:
				resource = v
			case 3:
				shared.resourceSchema = string(v)
			}
			return nil
		})
		if err != nil {
			return err
		}
		var res resourcepb.Resource
		if err := r.readProto(resourceShape, resource, &res); err != nil {
			return err
		}
		if err := r.shareResource(&shared, &res); err != nil {
			return err
		}
		return protoFields(logs, func(num protowire.Number, v []byte) error {
			if num != 2 { // scope_logs
				return nil
			}
			return r.otlpProtoScope(v, &shared, &buf, &rec, now)
		})
	})
}

func (r *request) otlpProtoScope(
	logs []byte, shared *otlpScope, buf *[]byte, rec *logspb.LogRecord, now time.Time,
) error {
	shared.ownSchema = ""
	var scope []byte
	err := protoFields(logs, func(num protowire.Number, v []byte) error {
		switch num {
		case 1:
			scope = v
		case 3:
			shared.ownSchema = string(v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var s commonpb.InstrumentationScope
	if err := r.readProto(scopeShape, scope, &s); err != nil {
		return err
	}
	if err := r.shareScope(shared, &s); err != nil {
		return err
	}
	return protoFields(logs, func(num protowire.Number, v []byte) error {
		if num != 2 { // log_records
			return nil
		}
		size := len(v) + escapes(v)
		if size > r.textRoom() {
			return r.otlpTooLong()
		}
		if err := r.readProto(recordShape, v, rec); err != nil {
			return err
		}
		return r.otlpRecord(buf, rec, shared, now, false, size)
	})
}

// escapes returns how much longer b would be in a JSON string.
func escapes(b []byte) (n int) {
	for _, c := range b {
		switch {
		case c == '"', c == '\\', c == '\n', c == '\r', c == '\t':
			n++
		case c < 0x20:
			n += 5
		}
	}
	return n
}

func (r *request) readJSON(raw []byte, into proto.Message) error {
	if string(space(raw)) == "null" {
		proto.Reset(into)
		return nil
	}
	if len(raw)+messageCost*bytes.Count(raw, []byte{'{'}) > r.room() {
		return r.otlpTooLong()
	}
	options := protojson.UnmarshalOptions{DiscardUnknown: true}
	err := options.Unmarshal(raw, into)
	if err != nil {
		if raw = validJSON(raw, r.room()); len(raw) > r.room() {
			return r.otlpTooLong()
		}
		err = options.Unmarshal(raw, into)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errOTLP, err)
	}
	return nil
}

// validJSON returns JSON that ScanJSON has accepted as protojson takes it: bytes that are not UTF-8
// are \xff, and halves of surrogate pairs, of which a sender has cut the other one off, U+FFFD. It
// ends early where that is longer than most.
func validJSON(raw []byte, most int) []byte {
	out := make([]byte, 0, len(raw)+len(raw)/4)
	for len(raw) > 0 && len(out) <= most {
		r, n := utf8.DecodeRune(raw)
		switch {
		case r == utf8.RuneError && n == 1:
			out = fmt.Appendf(out, `\\x%02x`, raw[0])
			raw = raw[1:]
			continue
		case r == '\\' && raw[1] == 'u':
			n = 6
			if half := escapedUnit(raw); utf16.IsSurrogate(half) {
				if utf16.DecodeRune(half, escapedUnit(raw[6:])) == utf8.RuneError {
					out = append(out, `\ufffd`...)
					raw = raw[6:]
					continue
				}
				n = 12
			}
		case r == '\\':
			n = 2
		}
		out = append(out, raw[:n]...)
		raw = raw[n:]
	}
	return out
}

// escapedUnit returns what an escape such as \u00e9 stands for; 0 where raw begins with another.
func escapedUnit(raw []byte) rune {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0
	}
	n, _ := strconv.ParseUint(string(raw[2:6]), 16, 16)
	return rune(n)
}

// otlpJSON takes an ExportLogsServiceRequest as JSON.
func (r *request) otlpJSON(body []byte, now time.Time) error {
	end, err := wire.ScanJSON(body, r.h.cfg.MaxDepth+20) // the message's own levels
	switch {
	case err == wire.ErrDepth:
		return r.otlpTooDeep()
	case err != nil:
		return fmt.Errorf("%w: %w", errOTLP, err)
	case len(space(body[end:])) > 0:
		return fmt.Errorf("%w: %q behind the end", errOTLP, space(body[end:])[0])
	}
	var buf []byte
	var rec logspb.LogRecord
	return jsonObject(body[:end], func(name, v []byte) error {
		if !isEither(name, "resourceLogs", "resource_logs") {
			return nil
		}
		return jsonArray(v, func(logs []byte) error {
			var shared otlpScope
			var res resourcepb.Resource
			err := jsonObject(logs, func(name, v []byte) error {
				switch {
				case isName(name, "resource"):
					return r.readJSON(v, &res)
				case isEither(name, "schemaUrl", "schema_url"):
					shared.resourceSchema, _ = unquote(v)
				}
				return nil
			})
			if err == nil {
				err = r.shareResource(&shared, &res)
			}
			if err != nil {
				return err
			}
			return jsonObject(logs, func(name, v []byte) error {
				if !isEither(name, "scopeLogs", "scope_logs") {
					return nil
				}
				return jsonArray(
					v,
					func(logs []byte) error {
						return r.otlpJSONScope(logs, &shared, &buf, &rec, now)
					},
				)
			})
		})
	})
}

func (r *request) otlpJSONScope(
	logs []byte, shared *otlpScope, buf *[]byte, rec *logspb.LogRecord, now time.Time,
) error {
	shared.ownSchema = ""
	var s commonpb.InstrumentationScope
	err := jsonObject(logs, func(name, v []byte) error {
		switch {
		case isName(name, "scope"):
			return r.readJSON(v, &s)
		case isEither(name, "schemaUrl", "schema_url"):
			shared.ownSchema, _ = unquote(v)
		}
		return nil
	})
	if err == nil {
		err = r.shareScope(shared, &s)
	}
	if err != nil {
		return err
	}
	return jsonObject(logs, func(name, v []byte) error {
		if !isEither(name, "logRecords", "log_records") {
			return nil
		}
		return jsonArray(v, func(raw []byte) error {
			if err := r.readJSON(raw, rec); err != nil {
				return err
			}
			return r.otlpRecord(buf, rec, shared, now, true, len(raw))
		})
	})
}

func isEither(name []byte, a, b string) bool { return isName(name, a) || isName(name, b) }

func jsonObject(v []byte, each func(name, v []byte) error) error {
	switch v = space(v); {
	case string(v) == "null":
		return nil
	case v[0] != '{':
		return fmt.Errorf("%w: %.20q is no object", errOTLP, v)
	}
	return wire.JSONMembers(v, each)
}

func jsonArray(v []byte, each func(v []byte) error) error {
	switch v = space(v); {
	case string(v) == "null":
		return nil
	case v[0] != '[':
		return fmt.Errorf("%w: %.20q is no array", errOTLP, v)
	}
	return wire.JSONElements(v, each)
}
