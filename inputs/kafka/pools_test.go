package kafka

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What a burst needed is kept as long as it goes on, and given up when it is over.
func TestPoolsAreTidied(t *testing.T) {
	p := &fetchPools{}
	fetch := func(n int) {
		var bytes [][]byte
		var records [][]kgo.Record
		for range n {
			bytes = append(bytes, p.GetDecompressBytes(make([]byte, 100<<10), kgo.CodecLz4))
			records = append(records, p.GetRecords(1000))
		}
		for i := range n {
			p.PutDecompressBytes(bytes[i])
			p.PutRecords(records[i])
		}
	}
	for range 3 {
		fetch(8)
		p.tidy()
		if p.kept.now < 8*400<<10 || p.keptRecords.now != 8*1024 {
			t.Fatalf("%d bytes and %d records are kept", p.kept.now, p.keptRecords.now)
		}
	}
	fetch(2)
	p.tidy()
	if p.kept.now > 3*500<<10 || p.kept.now < 2*400<<10 || p.keptRecords.now != 2*1024 {
		t.Errorf("%d bytes and %d records are kept of a burst", p.kept.now, p.keptRecords.now)
	}
	p.tidy()
	if p.kept.now != 0 || p.keptRecords.now != 0 {
		t.Errorf("%d bytes and %d records are kept for nothing", p.kept.now, p.keptRecords.now)
	}
}
