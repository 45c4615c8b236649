package wire

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/msgpack"
)

// benchEvents returns a chunk of n events of 200 bytes, as a shipper of container logs sends them;
// every tenth has quotes and an accent.
func benchEvents(n int) []byte {
	var b []byte
	for seq := range n {
		b = msgp.AppendArrayHeader(b, 2)
		b, _ = AppendEventTime(b, time.Now().UnixNano())
		b = msgp.AppendMapHeader(b, 5)
		b = msgp.AppendInt(msgp.AppendString(b, "seq"), seq)
		b = msgp.AppendString(msgp.AppendString(b, "stream"), "stdout")
		b = msgp.AppendString(msgp.AppendString(b, "pod"), fmt.Sprintf("items-%05x", seq%31))
		b = msgp.AppendFloat64(msgp.AppendString(b, "ms"), float64(seq%97)+0.5)
		text := fmt.Sprintf(
			"GET /api/v1/items/%d 200 user=u-%d agent=Mozilla/5.0 (X11; Linux x86_64) trace=%016x%016x",
			seq, seq*7, seq*31, seq,
		)
		if seq%10 == 0 {
			text = fmt.Sprintf(
				`user "u-%d" said "grüße" to /api/v1/items/%d, agent="Mozilla/5.0 (X11; Linux x86_64)", trace=%016x`,
				seq, seq, seq,
			)
		}
		b = msgp.AppendString(msgp.AppendString(b, "log"), text)
	}
	return b
}

func BenchmarkReadPacked(b *testing.B) {
	const n = 5000
	message := packed("app", benchEvents(n), false, map[string]any{"chunk": "c"})
	src := bytes.NewReader(nil)
	var out []byte
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		src.Reset(message)
		r := NewReader(
			src, Limits{Message: 1 << 30, Inflated: 1 << 30, Record: 1 << 20, Depth: 100},
		)
		m, err := r.Next()
		if err != nil {
			b.Fatal(err)
		}
		out = out[:0]
		for {
			ev, err := m.Event()
			if err == io.EOF {
				break
			}
			if err != nil || ev.Bad != "" {
				b.Fatal(ev, err)
			}
			out = append(out, ev.Record...)
		}
		r.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/event")
}

func BenchmarkPack(b *testing.B) {
	const n = 5000
	var records []record.Record
	events := benchEvents(n)
	for len(events) > 0 {
		var r record.Record
		_, _, _, at, _ := readTime(events[1:])
		r.Value, events, _ = msgpack.AppendJSON(nil, events[1+at:], 10)
		records = append(records, r)
	}
	var p Packer
	for b.Loop() {
		p.Reset("app", "")
		for i := range records {
			p.Append(&records[i])
		}
		if _, err := p.Message("c"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/event")
}
