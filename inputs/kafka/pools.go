package kafka

import (
	"math/bits"
	"sync"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fetchPools lend the reading client the memory of inflated batches and of their records. Both come
// back once nobody reads them any more, so that a backlog is read with the same few buffers. They
// are kept whatever the garbage collector does: when memory is short it runs often, and would take
// them away each time. What nobody has asked for from one tidy to the next is given up.
type fetchPools struct {
	mu      sync.Mutex
	bytes   [byteClasses]freeList[byte] // of i+1 times byteStep each
	kept    stock                       // bytes of all of them
	ratio   float64                     // of inflated to compressed, of late
	records [32]freeList[kgo.Record]    // of capacity 2^i each
	// of all records
	keptRecords stock
}

// stock is how much is kept, and how little that was at some time since the last tidy.
type stock struct{ now, least int }

func (s *stock) add(n int) {
	s.now += n
	s.least = min(s.least, s.now)
}

// freeList is slices that wait to be used again.
type freeList[T any] [][]T

// take returns a slice of any length, or nil.
func (s *freeList[T]) take() []T {
	last := len(*s) - 1
	if last < 0 {
		return nil
	}
	b := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return b
}

var (
	_ kgo.PoolDecompressBytes = (*fetchPools)(nil)
	_ kgo.PoolRecords         = (*fetchPools)(nil)
)

// keepBytes and keepRecords bound what is kept. A buffer of more than byteClasses steps is not.
const (
	keepBytes    = 32 << 20
	byteStep     = 32 << 10
	byteClasses  = 128
	keepRecords  = 1 << 17
	leastRecords = 16
)

// GetDecompressBytes implements kgo.PoolDecompressBytes: room for what a batch will likely inflate
// to, and not much more, for it may be kept for long.
func (p *fetchPools) GetDecompressBytes(compressed []byte, _ kgo.CompressionCodecType) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	ratio := p.ratio
	if ratio == 0 {
		ratio = 4
	}
	want := int(float64(len(compressed))*ratio*1.1) + 1<<10
	if want <= byteStep/2 {
		return make([]byte, 0, want)
	}
	i := (want - 1) / byteStep
	for j := i; j < byteClasses && j <= i+i/4; j++ {
		if b := p.bytes[j].take(); b != nil {
			p.kept.add(-cap(b))
			return b
		}
	}
	return make([]byte, 0, (i+1)*byteStep)
}

// observe takes a batch into account for what others will inflate to.
func (p *fetchPools) observe(compressed, inflated int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ratio := min(float64(inflated)/float64(max(compressed, 1)), 16)
	if ratio > p.ratio {
		p.ratio = ratio
	} else {
		p.ratio += (ratio - p.ratio) / 16
	}
}

// PutDecompressBytes implements kgo.PoolDecompressBytes.
func (p *fetchPools) PutDecompressBytes(b []byte) {
	i := cap(b)/byteStep - 1
	if i < 0 || i >= byteClasses {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	drop(p.bytes[:], &p.kept, p.kept.now+cap(b)-keepBytes)
	p.kept.add(cap(b))
	p.bytes[i] = append(p.bytes[i], b[:0])
}

// GetRecords implements kgo.PoolRecords. What it returns has the least power of two, of least
// records on, for its capacity that n fits in.
func (p *fetchPools) GetRecords(n int) []kgo.Record {
	i := recordClass(n)
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.records[i].take(); r != nil {
		p.keptRecords.add(-cap(r))
		return r
	}
	return make([]kgo.Record, 1<<i)
}

func recordClass(n int) int { return bits.Len(uint(max(n, leastRecords) - 1)) }

// PutRecords implements kgo.PoolRecords.
func (p *fetchPools) PutRecords(r []kgo.Record) {
	i := recordClass(cap(r))
	p.mu.Lock()
	defer p.mu.Unlock()
	if cap(r) == 1<<i && p.keptRecords.now+cap(r) <= keepRecords {
		p.keptRecords.add(cap(r))
		p.records[i] = append(p.records[i], r)
	}
}

// drop gives up slices of n elements at least in all, those of the last list first.
func drop[T any](lists []freeList[T], kept *stock, n int) {
	for i := len(lists) - 1; n > 0 && i >= 0; {
		old := lists[i].take()
		if old == nil {
			i--
			continue
		}
		kept.add(-cap(old))
		n -= cap(old)
	}
}

// tidy gives up what was not needed since it was called last.
func (p *fetchPools) tidy() {
	p.mu.Lock()
	defer p.mu.Unlock()
	drop(p.bytes[:], &p.kept, p.kept.least)
	drop(p.records[:], &p.keptRecords, p.keptRecords.least)
	p.kept.least, p.keptRecords.least = p.kept.now, p.keptRecords.now
}

// putUnused takes the n records of a batch back, of which head is the first, as they are: the
// client writes each anew.
func (p *fetchPools) putUnused(head *kgo.Record, n int) {
	p.PutRecords(unsafe.Slice(head, 1<<recordClass(n)))
}
