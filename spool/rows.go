package spool

// rows are those of one file that are in memory: blocks that are full, and the buffer that the next
// row goes into. With many small files, one growing buffer for each would copy most rows several
// times, and hardly ever find a buffer of its next size in the pool.
type rows struct {
	buf    []byte
	full   int      // bytes in blocks
	blocks [][]byte // of blockSize each
}

const (
	blockSize = 2 << 10
	// Longer rows, which would leave much of a block empty, and those of larger files are in one
	// buffer, which a worker can compress as it is.
	blockRow  = blockSize / 4
	blocksMax = 32 << 10
)

// size returns the bytes of all rows.
func (r *rows) size() int { return r.full + len(r.buf) }

// held returns the memory that they take.
func (r *rows) held() int { return len(r.blocks)*blockSize + cap(r.buf) }

// room returns how many bytes fit without more memory.
func (r *rows) room() int { return cap(r.buf) - len(r.buf) }

// makeRoom sees to it that buf has room for n bytes more. The first buffer has least at least.
func (r *rows) makeRoom(p *bufferPool, n, least int) {
	switch {
	case r.room() >= n:
	case r.buf == nil:
		r.buf = p.get(max(n, least))
	case cap(r.buf) == blockSize && n <= blockRow && r.full < blocksMax:
		r.blocks = append(r.blocks, r.buf)
		r.full += len(r.buf)
		r.buf = p.get(blockSize)
	case len(r.blocks) == 0:
		r.buf = p.grow(r.buf, n)
	default:
		all := r.appendTo(p.get(r.size() + n))
		r.giveBack(p)
		r.buf = all
	}
}

func (r *rows) appendTo(dst []byte) []byte {
	for _, b := range r.blocks {
		dst = append(dst, b...)
	}
	return append(dst, r.buf...)
}

// giveBack empties r.
func (r *rows) giveBack(p *bufferPool) {
	for i, b := range r.blocks {
		p.put(b)
		r.blocks[i] = nil
	}
	p.put(r.buf)
	r.blocks, r.full, r.buf = r.blocks[:0], 0, nil
}
