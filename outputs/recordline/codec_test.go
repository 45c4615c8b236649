package recordline

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
)

var deadRecords = []outputs.DeadRecord{
	{Tag: "app", Origin: "/var/log/a", Record: record.Record{Time: 1, Value: []byte("x")}},
	{
		Tag:    "",
		Origin: "\xff",
		Topic:  "t\n",
		Record: record.Record{Offset: 9, Time: -1, Key: []byte{}, Value: []byte{}},
	},
	{
		Tag:    "\"\\",
		Output: "output.kafka.a",
		Reason: "too \xfe large",
		Time:   time.Unix(5, 7).UTC(),
		Record: record.Record{
			Time:  1<<63 - 1,
			Key:   []byte("\x00\x1f\x7f\u2028"),
			Value: []byte{0xff, 0xfe},
			Headers: []record.Header{
				{},
				{Key: "k", Value: []byte("v")},
				{Key: "\xff", Value: []byte{0xed, 0xa0, 0x80}},
				{Key: "k", Value: []byte{}},
			},
		},
	},
	{Tag: "t", Output: "o", Reason: "r", Time: time.Unix(0, 0).UTC(), Raw: []byte{1, 2, 3}},
}

func TestLineRoundTrip(t *testing.T) {
	for i, l := range deadRecords {
		p := AppendLine(nil, &l)
		if !json.Valid(p) || bytes.Count(p, []byte("\n")) != 1 {
			t.Errorf("letter %d is no line of JSON: %s", i, p)
		}
		got, err := ParseLine(p)
		if err != nil || !reflect.DeepEqual(got, l) {
			t.Errorf("letter %d: got %+v %v, want %+v", i, got, err, l)
		}
		if _, ok := parsePlain(
			p,
		); ok != (l.Output == "" && l.Raw == nil && len(l.Record.Headers) == 0 && !bytes.Contains(p, []byte("_base64")) && !bytes.Contains(p, []byte(`\u`))) {
			t.Errorf("letter %d is plain: %v", i, ok)
		}
	}
}

func FuzzLine(f *testing.F) {
	for _, l := range deadRecords {
		f.Add(AppendLine(nil, &l))
	}
	f.Add(
		[]byte(
			`{"time":"2026-01-01T00:00:00+02:00","value":null,"key_base64":"","headers":[null,{}]}`,
		),
	)
	f.Add([]byte(`{"time":"9999-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		if plain, ok := parsePlain(p); ok {
			if l, err := parseAnyLine(p); err != nil || !reflect.DeepEqual(l, plain) {
				t.Fatalf("%q is %+v, and in short %+v (%v)", p, l, plain, err)
			}
		}
		l, err := ParseLine(p)
		if err != nil {
			return
		}
		if l.Output == "" { // only a dead letter has these
			l.Reason, l.Time = "", time.Time{}
		}
		again, err := ParseLine(AppendLine(nil, &l))
		if err != nil {
			t.Fatalf("%q reads as %+v, which does not read back: %v", p, l, err)
		}
		if !bytes.Equal(again.Record.Value, l.Record.Value) || !bytes.Equal(again.Record.Key, l.Record.Key) || again.Record.Time != l.Record.Time ||
			again.Tag != l.Tag || again.Origin != l.Origin ||
			again.Topic != l.Topic ||
			len(again.Record.Headers) != len(l.Record.Headers) {
			t.Fatalf("%+v became %+v", l, again)
		}
	})
}

// FuzzObject reads anything as an overflow object: it ends, panics never, and positions ascend.
func FuzzObject(f *testing.F) {
	w := NewObjectWriter()
	for i := range deadRecords {
		if err := w.Write(&deadRecords[i]); err != nil {
			f.Fatal(err)
		}
	}
	data, _, err := w.Finish()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add(AppendLine(AppendLine(nil, &deadRecords[0]), &deadRecords[1]))
	f.Add([]byte("{\"time\":\"2026-01-01T00:00:00Z\"}\n\n{\"to"))
	f.Fuzz(func(t *testing.T, p []byte) {
		lines, err := NewLineReader(bytes.NewReader(p), nil)
		if err != nil {
			return
		}
		defer lines.Close()
		s := &LineSource{Lines: lines}
		last := int64(-1)
		for {
			b, err := s.ReadBatch()
			if err != nil {
				if b != nil {
					t.Fatal("both a batch and an error")
				}
				if errors.Is(err, io.EOF) && s.err == nil {
					t.Fatal("the end was not kept")
				}
				return
			}
			if b.Len() == 0 || b.First <= last || b.End <= b.First {
				t.Fatalf("batch of %d records at %d to %d after %d", b.Len(), b.First, b.End, last)
			}
			last = b.End - 1
		}
	})
}
