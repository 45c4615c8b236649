package kafka

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Whatever shapes records and batches have, what is read is what was written, while memory goes
// round; what is to be kept stays as it was.
func TestRecycledBatchesHoldTheirRecords(t *testing.T) {
	rng := runtest.Rand(t)
	c := startCluster(t, kfake.SeedTopics(1, "logs"))
	var written []*kgo.Record
	for i, codec := range []kgo.CompressionCodec{
		kgo.Lz4Compression(), kgo.ZstdCompression(), kgo.SnappyCompression(), kgo.NoCompression(),
		kgo.GzipCompression(),
	} {
		cl, err := kgo.NewClient(
			kgo.SeedBrokers(c.ListenAddrs()...), kgo.ProducerBatchCompression(codec),
			kgo.ProducerLinger(10*time.Millisecond), kgo.DefaultProduceTopic("logs"),
		)
		if err != nil {
			t.Fatal(err)
		}
		for range 6 {
			var some []*kgo.Record
			for range []int{1, 30, 3000, 6000}[rng.IntN(4)] {
				r := &kgo.Record{
					Value:     fmt.Appendf(nil, `{"n":%d,"codec":%d,"msg":"%0*d"}`, len(some), i, rng.IntN(300), 7),
					Timestamp: time.UnixMilli(1767312000000 + rng.Int64N(1e6)),
				}
				switch rng.IntN(8) {
				case 0:
					r.Key = fmt.Appendf(nil, "k%d", rng.IntN(9))
				case 1:
					r.Headers = []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}
				}
				if rng.IntN(1000) == 0 {
					r.Key, r.Value = []byte("gone"), nil
				}
				some = append(some, r)
			}
			if err := cl.ProduceSync(t.Context(), some...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			written = append(written, some...)
		}
		cl.Close()
	}
	m := join(t, testConfig(c))
	m.await("it", count(1))
	l := m.log("logs/0")
	var kept []*record.Batch
	adopted := 0
	check := func(b *record.Batch) {
		recs, err := b.Records()
		if err != nil {
			t.Fatal(err)
		}
		for r := range recs {
			w := written[r.Offset]
			if !bytes.Equal(r.Key, w.Key) || !bytes.Equal(r.Value, w.Value) ||
				(r.Value == nil) != (w.Value == nil) || r.Time != w.Timestamp.UnixNano() ||
				len(r.Headers) != len(w.Headers) {
				t.Fatalf("record %d is %+v, want %+v", r.Offset, *r, *w)
			}
		}
	}
	for pos := int64(0); pos < int64(len(written)); {
		b, err := l.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if b.First != pos || b.End != pos+int64(b.Len()) {
			t.Fatalf("[%d, %d) with %d records at %d", b.First, b.End, b.Len(), pos)
		}
		pos = b.End
		if rng.IntN(4) == 0 {
			b.Keep()
			kept = append(kept, b)
		}
		check(b)
		if b.Recycle(); b.Len() == 0 {
			adopted++
		}
	}
	for _, b := range kept {
		if b.Len() != int(b.End-b.First) {
			t.Fatalf("[%d, %d) was kept and holds %d records", b.First, b.End, b.Len())
		}
		check(b)
	}
	if adopted == 0 {
		t.Error("every batch was copied")
	}
	m.leave()
}

// A batch of which records are left out, or that shows where it ends but not how it begins, is
// copied.
func TestPartsOfABatchAreNotAdopted(t *testing.T) {
	var b record.Builder
	b.Reset("", "", 0)
	for i := range 600 {
		b.Append(0, nil, fmt.Appendf(nil, "%0100d", i), nil)
	}
	packed, err := b.Build().Packed(record.None)
	if err != nil {
		t.Fatal(err)
	}
	f := newInflater(1<<20, 8<<20, &fetchPools{})
	section := bytes.Clone(packed[61:])
	f.charge(&charge{}, section)
	l := &Lease{s: &session{inflater: f}, part: partition{"logs", 0}, name: "logs/0"}
	slab := f.pools.GetRecords(600)[:600]
	all := make([]*kgo.Record, len(slab))
	for i := range slab {
		at := bytes.Index(section, fmt.Appendf(nil, "%0100d", i))
		slab[i] = kgo.Record{
			Offset: int64(10 + i), Value: section[at : at+100], Context: t.Context(), Timestamp: time.Unix(0, 0),
		}
		all[i] = &slab[i]
	}
	for name, in := range map[string][]*kgo.Record{
		"without the first": all[1:], "without the last": all[:599], "without one": append(all[:9:9], all[10:]...),
	} {
		if got, _, _ := l.adopt(in); got != nil {
			t.Errorf("%s: adopted", name)
		}
	}
	got, _, n := l.adopt(all)
	if got == nil || n != 600 || got.First != 10 || got.End != 610 {
		t.Fatalf("not adopted: %+v", got)
	}
	if f.held != 0 || len(f.charges) != 0 {
		t.Errorf("%d bytes are charged", f.held)
	}
}
