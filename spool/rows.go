package spool

import (
	"encoding/base64"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/spool/partition"
)

// rowFormat turns records into rows of a file, one after the other. Safe for concurrent use.
type rowFormat interface {
	// appendRow appends r's row to dst. An error tells that the format cannot hold r: it becomes a dead letter.
	appendRow(dst []byte, in *partition.Input, reason error) ([]byte, error)
}

// deadLetterRow is one line of a dead-letter object: the record as it was, and where from.
type deadLetterRow struct {
	Topic     string         `json:"topic"`
	Partition int32          `json:"partition"`
	Offset    int64          `json:"offset"`
	Time      string         `json:"time"`
	Tag       string         `json:"tag,omitempty"`
	Reason    string         `json:"reason"`
	Key       *jsonBytes     `json:"key,omitempty"`
	Headers   []deadLetterKV `json:"headers,omitempty"`
	Value     *jsonBytes     `json:"value"`
}

type deadLetterKV struct {
	Key   string    `json:"key"`
	Value jsonBytes `json:"value"`
}

// jsonBytes is written as a string, or as {"base64": "..."} where it is no UTF-8.
type jsonBytes []byte

func (b jsonBytes) MarshalJSON() ([]byte, error) {
	if utf8.Valid(b) {
		return json.Marshal(string(b))
	}
	return json.Marshal(map[string]string{"base64": base64.StdEncoding.EncodeToString(b)})
}

func optional(b []byte) *jsonBytes {
	if b == nil {
		return nil
	}
	return (*jsonBytes)(&b)
}

type deadLetterFormat struct{}

func (deadLetterFormat) appendRow(dst []byte, in *partition.Input, reason error) ([]byte, error) {
	r := in.Record
	row := deadLetterRow{
		Topic: in.Topic, Partition: in.Partition, Offset: r.Offset, Time: r.When().Format(time.RFC3339Nano), Tag: in.Tag,
		Reason: reason.Error(), Key: optional(r.Key), Value: optional(r.Value),
	}
	for _, h := range r.Headers {
		row.Headers = append(row.Headers, deadLetterKV{h.Key, h.Value})
	}
	b, err := json.Marshal(row)
	if err != nil {
		return dst, err
	}
	return append(append(dst, b...), '\n'), nil
}

type ndjsonRows struct{}

func (ndjsonRows) appendRow(dst []byte, in *partition.Input, _ error) ([]byte, error) {
	return append(append(dst, in.Record.Value...), '\n'), nil
}
