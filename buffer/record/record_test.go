package record

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Whose batch it is stands in what is stored of it, and nothing does of one that nobody is known to
// have appended.
func TestTheInputIsStored(t *testing.T) {
	for _, id := range []int64{0, InputID("input.tail.app"), math.MaxInt64} {
		b := FromRecords("app", "file", []Record{{Value: []byte("x")}})
		b.Input = id
		p, err := b.Retag("other").AppendEncoded(nil, LZ4)
		if err != nil {
			t.Fatal(err)
		}
		got, rest, err := Decode(p, 7)
		if err != nil || len(rest) > 0 || got.Input != id || got.Tag != "other" {
			t.Errorf("input %d: %+v, %v", id, got, err)
		}
	}
	if a, b := InputID("input.tail.a"), InputID("input.tail.b"); a == b || a <= 0 || b <= 0 {
		t.Errorf("%d and %d", a, b)
	}
}

func randomRecords(rng *rand.Rand, n int) []Record {
	recs := make([]Record, n)
	for i := range recs {
		r := &recs[i]
		r.Offset = 1000 + int64(i)
		r.Time = 1_700_000_000_000_000_000 + rng.Int64N(5e9) - 2e9
		switch rng.IntN(3) {
		case 0:
			r.Key = []byte(fmt.Sprintf("key-%d", i))
		case 1:
			r.Key = []byte{}
		}
		if rng.IntN(10) > 0 {
			r.Value = bytes.Repeat([]byte{byte('a' + i%26)}, rng.IntN(300))
		}
		for h := range rng.IntN(3) {
			r.Headers = append(
				r.Headers, Header{Key: fmt.Sprint("h", h), Value: []byte(fmt.Sprint(i))},
			)
		}
	}
	return recs
}

func equal(a, b *Record) bool {
	if a.Offset != b.Offset || a.Time != b.Time || !bytes.Equal(a.Key, b.Key) || !bytes.Equal(a.Value, b.Value) ||
		(a.Key == nil) != (b.Key == nil) ||
		(a.Value == nil) != (b.Value == nil) ||
		len(a.Headers) != len(b.Headers) {
		return false
	}
	for i := range a.Headers {
		if a.Headers[i].Key != b.Headers[i].Key ||
			!bytes.Equal(a.Headers[i].Value, b.Headers[i].Value) {
			return false
		}
	}
	return true
}

// checkEach is check by Each.
func checkEach(t *testing.T, s *Scratch, b *Batch, want []Record) {
	t.Helper()
	i := 0
	err := b.Each(s, func(r *Record) error {
		if !equal(r, &want[i]) {
			t.Fatalf("record %d = %+v, want %+v", i, *r, want[i])
		}
		i++
		return nil
	})
	if err != nil || i != len(want) {
		t.Fatalf("%d records, want %d: %v", i, len(want), err)
	}
}

func check(t *testing.T, b *Batch, want []Record) {
	t.Helper()
	if b.Len() != len(want) {
		t.Fatalf("Len = %d, want %d", b.Len(), len(want))
	}
	seq, err := b.Records()
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for r := range seq {
		if !equal(r, &want[i]) {
			t.Fatalf("record %d = %+v, want %+v", i, *r, want[i])
		}
		i++
	}
	if i != len(want) {
		t.Fatalf("%d records, want %d", i, len(want))
	}
}

func TestBatchRoundTrip(t *testing.T) {
	rng := runtest.Rand(t)
	var scratch Scratch
	for _, codec := range []Codec{None, Gzip, Snappy, LZ4, Zstd} {
		want := randomRecords(rng, 1+rng.IntN(2000))
		var bb Builder
		bb.Reset("app.web", "/var/log/app.log", 0)
		for i := range want {
			bb.Append(want[i].Time, want[i].Key, want[i].Value, want[i].Headers)
		}
		built := bb.Build()
		built.At(1000)
		check(t, built, want)
		made := FromRecords("app.web", "/var/log/app.log", want)
		check(t, made, want)
		for name, b := range map[string]*Batch{"built": built, "made": made} {
			disk, err := b.AppendEncoded([]byte("before"), codec)
			if err != nil {
				t.Fatal(err)
			}
			disk = append(disk[len("before"):], "after"...)
			got, rest, err := Decode(disk, 1000)
			if err != nil {
				t.Fatalf("%s %v: %v", name, codec, err)
			}
			if string(rest) != "after" || got.Tag != b.Tag || got.Origin != b.Origin ||
				got.End != b.End ||
				got.Size() == 0 {
				t.Fatalf("%s %v: got %+v", name, codec, got)
			}
			checkEach(t, &scratch, got, want) // before the batch is opened, and after
			check(t, got, want)
			checkEach(t, &scratch, got, want)
		}
		built.Shed()
		checkEach(t, &scratch, built, want)
		check(t, built, want)
		made.Shed()
		check(t, made, want)
	}
}

// What a batch was packed from goes back to be used again; who reads on gets it from the packed
// form.
func TestRecordsWithoutKeyAreAsOthers(t *testing.T) {
	seed := runtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	value := make([]byte, 3<<20)
	near := func(n int) int { return n - 40 + rng.IntN(50) }
	for range 20_000 {
		size := []int{near(1 << 6), near(1 << 13), rng.IntN(300), rng.IntN(9000)}[rng.IntN(4)]
		if rng.IntN(500) == 0 {
			size = near(1 << 20)
		}
		size = max(size, 0)
		delta := rng.Int64() >> rng.IntN(64)
		if rng.IntN(2) == 0 {
			delta = -delta
		}
		count := rng.IntN(1 << rng.IntN(31))
		before := []byte("before")[:rng.IntN(7)]
		want := appendRecord(bytes.Clone(before), delta, count, nil, value[:size], nil)
		if got := appendPlain(bytes.Clone(before), delta, count, value[:size]); !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, time %d, offset %d: % x..., not % x...",
				size, delta, count, got[:min(len(got), 30)], want[:min(len(want), 30)])
		}
	}
}

func TestShedBatchesAreReadFromTheirPackedForm(t *testing.T) {
	line := bytes.Repeat([]byte("x"), 1000)
	again := false
	for range 100 {
		var b Builder
		b.Reset("tag", "origin", 1<<20)
		b.Append(0, nil, line, nil)
		batch := b.Build()
		at := &batch.body[0]
		if batch.Shed(); batch.body == nil {
			t.Fatal("a batch that is not packed has lost its records")
		}
		if _, err := batch.Packed(LZ4); err != nil {
			t.Fatal(err)
		}
		size := batch.Size()
		batch.Shed()
		if batch.body != nil || batch.Len() != 1 || batch.Size() != size {
			t.Fatalf("after it was shed: %+v", batch)
		}
		b.Reset("tag", "origin", 1<<20)
		b.Append(0, nil, line, nil)
		again = again || &b.body[0] == at
		check(t, batch, []Record{{Value: line}})
	}
	if !again {
		t.Error("no memory was ever used again")
	}
}

// A batch that Records does not give is not given by Each either.
func TestEachFindsDamage(t *testing.T) {
	b := FromRecords("tag", "origin", randomRecords(rand.New(rand.NewPCG(3, 4)), 50))
	for _, codec := range []Codec{None, Gzip, Snappy, LZ4, Zstd} {
		for cut := range 40 {
			packed, err := Unpacked(b).Packed(codec)
			if err != nil {
				t.Fatal(err)
			}
			bad := &Batch{
				count:    b.count,
				bodySize: b.bodySize,
				section:  section{packed: packed[:len(packed)-cut-1], codec: codec},
			}
			if codec == None {
				bad.bodySize = len(bad.packed) - batchHeaderSize
			}
			if err := bad.Each(new(Scratch), func(*Record) error { return nil }); err == nil {
				t.Errorf("%v: the last %d bytes are not missed", codec, cut+1)
			}
		}
	}
}

// The packed form must be what Kafka's own structures say it is.
func TestPackedIsAKafkaRecordBatch(t *testing.T) {
	want := randomRecords(rand.New(rand.NewPCG(1, 2)), 100)
	b := FromRecords("t", "o", want)
	packed, err := b.Packed(None)
	if err != nil {
		t.Fatal(err)
	}
	var kb kmsg.RecordBatch
	if err := kb.ReadFrom(packed); err != nil {
		t.Fatal(err)
	}
	if kb.NumRecords != 100 || kb.LastOffsetDelta != 99 || kb.Magic != 2 || kb.ProducerID != -1 {
		t.Fatalf("header %+v", kb)
	}
	src := kbin.Reader{Src: kb.Records}
	for i := range want {
		var kr kmsg.Record
		n := src.Varint()
		body := src.Span(int(n))
		if err := kr.ReadFrom(append(kbin.AppendVarint(nil, n), body...)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(kr.Value, want[i].Value) || int(kr.OffsetDelta) != i ||
			len(kr.Headers) != len(want[i].Headers) {
			t.Fatalf("record %d: %+v, want %+v", i, kr, want[i])
		}
	}
}

func TestDecodeFindsEveryFlippedBit(t *testing.T) {
	b := FromRecords("tag", "origin", randomRecords(rand.New(rand.NewPCG(3, 4)), 3))
	disk, err := b.AppendEncoded(nil, LZ4)
	if err != nil {
		t.Fatal(err)
	}
	packedAt := len(disk) - len(b.packed)
	for i := range disk {
		if i >= packedAt &&
			(i < packedAt+offLength || i >= packedAt+offLeaderEpoch && i < packedAt+offMagic) {
			continue // base offset and leader epoch: outside Kafka's checksum, and unused
		}
		for bit := range 8 {
			disk[i] ^= 1 << bit
			if _, _, err := Decode(disk, 0); err == nil {
				t.Fatalf("bit %d of byte %d flipped: not found", bit, i)
			}
			disk[i] ^= 1 << bit
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, codec := range []Codec{None, Gzip, Snappy, LZ4, Zstd} {
		b := FromRecords("tag", "origin", randomRecords(rand.New(rand.NewPCG(3, 4)), 5))
		disk, _ := b.AppendEncoded(nil, codec)
		f.Add(disk)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		b, _, err := Decode(p, 7)
		if err != nil {
			return
		}
		each := 0
		eachErr := b.Each(new(Scratch), func(*Record) error { each++; return nil })
		seq, err := b.Records()
		if (err == nil) != (eachErr == nil) || err == nil && each != b.Len() {
			t.Fatalf("Records says %v, Each %v after %d records", err, eachErr, each)
		}
		if err != nil {
			return
		}
		n := 0
		for r := range seq {
			_ = r.Clone()
			n++
		}
		if n != b.Len() {
			t.Fatalf("%d records, Len %d", n, b.Len())
		}
	})
}

func BenchmarkBuildAndPack(b *testing.B) {
	line := []byte(
		`{"ts":"2026-01-02T03:04:05.678Z","level":"info","msg":"request served","path":"/api/v1/items/12345","status":200,"ms":12,"user":"u-8812","trace":"4bf92f3577b34da6a3ce929d0e0e4736","x":"yyyyyyy"}`,
	)
	for _, codec := range []Codec{None, Snappy, LZ4, Zstd} {
		b.Run(codec.String(), func(b *testing.B) {
			b.SetBytes(int64(len(line)) * 5000)
			for range b.N {
				var bb Builder
				bb.Reset("t", "o", TargetSize+4096)
				for i := range 5000 {
					line[20] = byte('0' + i%10)
					bb.Append(1e18, nil, line, nil)
				}
				if _, err := bb.Build().Packed(codec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestReleaseReusesMemory(t *testing.T) {
	line := bytes.Repeat([]byte("x"), 1000)
	var first *byte
	for i := range 100 {
		var b Builder
		b.Reset("tag", "origin", 1<<20)
		for range 10 {
			b.Append(0, nil, line, nil)
		}
		batch := b.Build()
		if batch.Len() != 10 {
			t.Fatalf("%d records", batch.Len())
		}
		at := &batch.body[0]
		batch.Release()
		if batch.Len() != 0 {
			t.Fatal("not empty after its release")
		}
		if i > 0 && at == first {
			return // the pool may drop things, but not all the time
		}
		first = at
	}
	t.Error("no memory was ever used again")
}
