package spool

import "sync"

// chunkSize is how many bytes of rows make one compressed member. A file's members are cut by its rows alone, never by memory pressure
// or time, so that a cut made again has the same bytes.
const chunkSize = 512 << 10

// bufferClasses are the capacities of buffers; one that is full moves to the next. The last has room for a chunk and a row that goes over.
var bufferClasses = [...]int{512, 2 << 10, 8 << 10, 32 << 10, 128 << 10, chunkSize + 16<<10}

// bufferPool hands out buffers by class and keeps some of those given back. Safe for concurrent use.
type bufferPool struct {
	mu   sync.Mutex
	free [len(bufferClasses)][][]byte
}

// keepFree bounds what is kept of each class, in bytes.
const keepFree = 8 << 20

func (p *bufferPool) get(n int) []byte {
	for i, size := range bufferClasses {
		if n > size {
			continue
		}
		p.mu.Lock()
		if last := len(p.free[i]) - 1; last >= 0 {
			b := p.free[i][last]
			p.free[i] = p.free[i][:last]
			p.mu.Unlock()
			return b
		}
		p.mu.Unlock()
		return make([]byte, 0, size)
	}
	return make([]byte, 0, n)
}

func (p *bufferPool) put(b []byte) {
	for i, size := range bufferClasses {
		if cap(b) != size {
			continue
		}
		p.mu.Lock()
		if len(p.free[i])*size < keepFree {
			p.free[i] = append(p.free[i], b[:0])
		}
		p.mu.Unlock()
		return
	}
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
