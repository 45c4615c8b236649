package spool

import "sync"

// chunkSize is how many bytes of rows make one compressed member. A file's members are cut by its
// rows alone, never by memory pressure or time, so that a cut made again has the same bytes.
const chunkSize = 512 << 10

// bufferClasses are the capacities of buffers; one that is full moves to the next. The last has
// room for a chunk and a row that goes over.
var bufferClasses = [...]int{
	512,
	1 << 10,
	2 << 10,
	4 << 10,
	8 << 10,
	16 << 10,
	32 << 10,
	64 << 10,
	128 << 10,
	256 << 10,
	chunkSize + 16<<10,
}

// bufferPool hands out buffers by class and keeps those given back, as long as all together are no
// more than max bytes. With many small files the garbage collector would else have the same memory
// to find again and again. Safe for concurrent use.
type bufferPool struct {
	max int

	mu    sync.Mutex
	total int // bytes lent and kept
	kept  int
	free  [len(bufferClasses)][][]byte
}

func class(size int) int {
	for i, c := range bufferClasses {
		if size <= c {
			return i
		}
	}
	return -1
}

func (p *bufferPool) get(n int) []byte {
	i := class(n)
	if i < 0 {
		return make([]byte, 0, n)
	}
	p.mu.Lock()
	if b := p.pop(i); b != nil {
		p.mu.Unlock()
		return b
	}
	size := bufferClasses[i]
	// What is kept makes room, the largest first.
	for j := len(p.free) - 1; j >= 0 && p.kept > 0 && p.total+size > p.max; {
		if b := p.pop(j); b != nil {
			p.total -= cap(b)
			continue
		}
		j--
	}
	p.total += size
	p.mu.Unlock()
	return make([]byte, 0, size)
}

// pop takes a kept buffer. The caller holds the mutex.
func (p *bufferPool) pop(i int) []byte {
	last := len(p.free[i]) - 1
	if last < 0 {
		return nil
	}
	b := p.free[i][last]
	p.free[i][last] = nil
	p.free[i] = p.free[i][:last]
	p.kept -= cap(b)
	return b
}

func (p *bufferPool) put(b []byte) {
	i := class(cap(b))
	if i < 0 || bufferClasses[i] != cap(b) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.total > p.max {
		p.total -= cap(b)
		return
	}
	p.kept += cap(b)
	p.free[i] = append(p.free[i], b[:0])
}

// grow returns b with room for n more bytes, in a larger buffer if need be.
func (p *bufferPool) grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	bigger := append(p.get(len(b)+n), b...)
	p.put(b)
	return bigger
}
