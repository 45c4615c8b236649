package kafka

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fetchPools lend the reading client the memory of decompressed batches and of its records. Both come back once the records have been copied, so
// that a backlog is read with the same few buffers. They are kept whatever the garbage collector does: when memory is short it runs often, and
// would take them away each time.
type fetchPools struct {
	mu      sync.Mutex
	bytes   [][]byte
	kept    int // bytes of bytes
	usual   int // capacity that batches have needed of late, so that a new buffer need not grow
	records [][]kgo.Record
	entries int // of records
}

var (
	_ kgo.PoolDecompressBytes = (*fetchPools)(nil)
	_ kgo.PoolRecords         = (*fetchPools)(nil)
)

// keepBytes and keepRecords bound what is kept; one batch's buffer that is as large is not.
const (
	keepBytes   = 16 << 20
	keepRecords = 1 << 16
)

// GetDecompressBytes implements kgo.PoolDecompressBytes.
func (p *fetchPools) GetDecompressBytes(compressed []byte, _ kgo.CompressionCodecType) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := len(p.bytes) - 1; last >= 0 {
		b := p.bytes[last]
		p.bytes[last] = nil
		p.bytes = p.bytes[:last]
		p.kept -= cap(b)
		return b
	}
	return make([]byte, 0, max(4*len(compressed), p.usual))
}

// PutDecompressBytes implements kgo.PoolDecompressBytes.
func (p *fetchPools) PutDecompressBytes(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if cap(b) > keepBytes/2 {
		return
	}
	p.usual = max(cap(b), p.usual-(p.usual-cap(b))/16)
	if p.kept+cap(b) > keepBytes {
		return
	}
	p.kept += cap(b)
	p.bytes = append(p.bytes, b)
}

// GetRecords implements kgo.PoolRecords.
func (p *fetchPools) GetRecords(n int) []kgo.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := len(p.records) - 1; last >= 0 {
		r := p.records[last]
		p.records[last] = nil
		p.records = p.records[:last]
		p.entries -= cap(r)
		return r
	}
	return make([]kgo.Record, n)
}

// PutRecords implements kgo.PoolRecords.
func (p *fetchPools) PutRecords(r []kgo.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.entries+cap(r) > keepRecords {
		return
	}
	p.entries += cap(r)
	p.records = append(p.records, r)
}
