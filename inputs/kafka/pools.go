package kafka

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fetchPools lend the reading client the memory of decompressed batches and of its records. Both
// come back once the records have been copied, so that a backlog is read with the same few buffers.
// They are kept whatever the garbage collector does: when memory is short it runs often, and would
// take them away each time.
type fetchPools struct {
	mu      sync.Mutex
	bytes   stock[byte]
	records stock[kgo.Record]
	usual   int // capacity that batches have needed of late, so that a new buffer need not grow
}

// stock is slices that wait to be used again, with at most so many elements together.
type stock[T any] struct {
	slices [][]T
	kept   int
}

// take returns a slice of any length, or nil.
func (s *stock[T]) take() []T {
	last := len(s.slices) - 1
	if last < 0 {
		return nil
	}
	b := s.slices[last]
	s.slices[last] = nil
	s.slices = s.slices[:last]
	s.kept -= cap(b)
	return b
}

func (s *stock[T]) put(b []T, most int) {
	if s.kept+cap(b) <= most {
		s.kept += cap(b)
		s.slices = append(s.slices, b)
	}
}

var (
	_ kgo.PoolDecompressBytes = (*fetchPools)(nil)
	_ kgo.PoolRecords         = (*fetchPools)(nil)
)

// keepBytes and keepRecords bound what is kept. A buffer of more than half of it is not.
const (
	keepBytes   = 16 << 20
	keepRecords = 1 << 16
)

// GetDecompressBytes implements kgo.PoolDecompressBytes.
func (p *fetchPools) GetDecompressBytes(compressed []byte, _ kgo.CompressionCodecType) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.bytes.take(); b != nil {
		return b
	}
	// many small batches follow a large one
	return make([]byte, 0, max(4*len(compressed), min(p.usual, 16*len(compressed))))
}

// PutDecompressBytes implements kgo.PoolDecompressBytes.
func (p *fetchPools) PutDecompressBytes(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if cap(b) <= keepBytes/2 {
		p.usual = max(cap(b), p.usual-(p.usual-cap(b))/16)
		p.bytes.put(b, keepBytes)
	}
}

// GetRecords implements kgo.PoolRecords.
func (p *fetchPools) GetRecords(n int) []kgo.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.records.take(); r != nil {
		return r
	}
	return make([]kgo.Record, n)
}

// PutRecords implements kgo.PoolRecords.
func (p *fetchPools) PutRecords(r []kgo.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records.put(r, keepRecords)
}
