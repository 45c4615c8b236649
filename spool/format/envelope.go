package format

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
)

// An envelope is one line:
//
//	{"topic":"t","partition":0,"offset":7,"time":"2026-01-02T03:04:05.678Z","key":"k",
//	 "headers":[{"key":"h","value":"v"}],"value":{...}}
//
// What a record lacks is left out: a null key, no headers, a null value. Bytes that are not UTF-8
// stand in base64 under the name with "_base64". A value that is a text and not JSON is under
// "value_text".
func (f *ndjson) appendEnvelope(dst []byte, in *partition.Input) ([]byte, error) {
	r, out := in.Record, dst
	if in.Topic != "" {
		out = appendField(out, '{', "topic", []byte(in.Topic))
		out = strconv.AppendInt(append(out, `,"partition":`...), int64(in.Partition), 10)
	} else {
		out = appendField(out, '{', "tag", []byte(in.Tag))
	}
	out = strconv.AppendInt(append(out, `,"offset":`...), r.Offset, 10)
	out = append(
		time.Unix(0, r.Time).UTC().AppendFormat(append(out, `,"time":"`...), time.RFC3339Nano), '"',
	)
	if r.Key != nil {
		out = appendField(out, ',', "key", r.Key)
	}
	if len(r.Headers) > 0 {
		out = appendHeaders(append(out, `,"headers":`...), r.Headers)
	}
	switch {
	case r.Value == nil:
	case f.text && utf8.Valid(r.Value):
		out = appendField(out, ',', "value_text", r.Value)
	case f.text:
		out = appendField(out, ',', "value", r.Value)
	default:
		var err error
		if out, err = f.appendValue(append(out, `,"value":`...), r); err != nil {
			return dst, err
		}
	}
	return append(out, '}', '\n'), nil
}

func appendHeaders(dst []byte, headers []record.Header) []byte {
	sep := byte('[')
	for _, h := range headers {
		dst = appendField(append(dst, sep), '{', "key", []byte(h.Key))
		if h.Value != nil {
			dst = appendField(dst, ',', "value", h.Value)
		}
		dst, sep = append(dst, '}'), ','
	}
	return append(dst, ']')
}

// appendField appends a member: a string, or base64 under another name.
func appendField(dst []byte, before byte, name string, v []byte) []byte {
	dst = append(append(append(dst, before), '"'), name...)
	if utf8.Valid(v) {
		return decode.AppendString(append(dst, '"', ':'), v)
	}
	return append(base64.StdEncoding.AppendEncode(append(dst, `_base64":"`...), v), '"')
}
