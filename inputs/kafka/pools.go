package kafka

import (
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fetchPools lend the reading client the memory of decompressed batches and of its records. Both come back once the records have been copied, so
// that a backlog is read with the same few buffers.
type fetchPools struct {
	bytes   sync.Pool    // of *[]byte
	records sync.Pool    // of *[]kgo.Record
	usual   atomic.Int64 // capacity that batches have needed of late, so that a new buffer need not grow
}

var (
	_ kgo.PoolDecompressBytes = (*fetchPools)(nil)
	_ kgo.PoolRecords         = (*fetchPools)(nil)
)

// keepRecords and keepBytes bound what is kept of one batch, so that a few huge ones do not stay for ever.
const (
	keepRecords = 1 << 16
	keepBytes   = 8 << 20
)

// GetDecompressBytes implements kgo.PoolDecompressBytes.
func (p *fetchPools) GetDecompressBytes(compressed []byte, _ kgo.CompressionCodecType) []byte {
	if b, _ := p.bytes.Get().(*[]byte); b != nil {
		return *b
	}
	return make([]byte, 0, max(4*len(compressed), int(p.usual.Load())))
}

// PutDecompressBytes implements kgo.PoolDecompressBytes.
func (p *fetchPools) PutDecompressBytes(b []byte) {
	if cap(b) > keepBytes {
		return
	}
	n, usual := int64(cap(b)), p.usual.Load()
	p.usual.Store(max(n, usual-(usual-n)/16))
	p.bytes.Put(&b)
}

// GetRecords implements kgo.PoolRecords.
func (p *fetchPools) GetRecords(n int) []kgo.Record {
	if r, _ := p.records.Get().(*[]kgo.Record); r != nil {
		return *r
	}
	return make([]kgo.Record, n)
}

// PutRecords implements kgo.PoolRecords.
func (p *fetchPools) PutRecords(r []kgo.Record) {
	if cap(r) <= keepRecords {
		p.records.Put(&r)
	}
}
