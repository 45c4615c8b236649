package spool

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/spool/partition"
)

// letterShape says where a dead letter comes from.
type letterShape uint8

const (
	fromTopic   letterShape = iota // by topic and partition
	fromTag                        // by tag and origin
	fromTagOnly                    // as earlier releases have it
)

func (p *placement) shape() letterShape {
	switch {
	case p.id.topic != "":
		return fromTopic
	case p.asBefore:
		return fromTagOnly
	}
	return fromTag
}

// appendDeadLetter appends one line of a dead-letter object: the envelope of format "ndjson", the
// value as it came, and the reason.
func appendDeadLetter(dst []byte, in *partition.Input, shape letterShape, reason error) []byte {
	r := in.Record
	if shape == fromTopic {
		dst = appendField(dst, "{", "topic", []byte(in.Topic))
		dst = strconv.AppendInt(append(dst, `,"partition":`...), int64(in.Partition), 10)
	} else {
		dst = appendField(dst, "{", "tag", []byte(in.Tag))
	}
	dst = strconv.AppendInt(append(dst, `,"offset":`...), r.Offset, 10)
	dst = append(r.When().AppendFormat(append(dst, `,"time":"`...), time.RFC3339Nano), '"')
	if shape == fromTopic && in.Tag != "" {
		dst = appendField(dst, ",", "tag", []byte(in.Tag))
	}
	if shape == fromTag && in.Origin != "" {
		dst = appendField(dst, ",", "origin", []byte(in.Origin))
	}
	if r.Key != nil {
		dst = appendField(dst, ",", "key", r.Key)
	}
	for i, h := range r.Headers {
		sep := `},`
		if i == 0 {
			sep = `,"headers":[`
		}
		dst = appendField(append(dst, sep...), "{", "key", []byte(h.Key))
		if h.Value != nil {
			dst = appendField(dst, ",", "value", h.Value)
		}
		if i == len(r.Headers)-1 {
			dst = append(dst, `}]`...)
		}
	}
	switch {
	case r.Value == nil:
	case utf8.Valid(r.Value):
		dst = appendField(dst, ",", "value_text", r.Value)
	default:
		dst = appendField(dst, ",", "value", r.Value)
	}
	dst = appendField(dst, ",", "reason", []byte(reason.Error()))
	return append(dst, '}', '\n')
}

// appendField appends a string, or base64 under the name with "_base64".
func appendField(dst []byte, before, name string, v []byte) []byte {
	dst = append(append(append(dst, before...), '"'), name...)
	if !utf8.Valid(v) {
		return append(base64.StdEncoding.AppendEncode(append(dst, `_base64":"`...), v), '"')
	}
	text, err := json.Marshal(string(v))
	if err != nil {
		panic(err) // a string
	}
	return append(append(dst, '"', ':'), text...)
}
