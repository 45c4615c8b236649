package spool

import (
	"fmt"

	"github.com/klauspost/compress/s2"
)

// chunk is rows of one file in the working file of chunks, packed: where memory is short for many
// paths, most of what they cost is what is written and read again.
type chunk struct {
	off  int64
	n    int // bytes there
	rows int // bytes of the rows
}

// spill moves the rows to disk. When the disk refuses, they stay.
func (c *cut) spill() error {
	if err := c.compact(); err != nil {
		return err
	}
	s := spilling{c: c, packed: c.a.buffers.get(bufferClasses[len(bufferClasses)-1])}
	defer func() {
		c.a.buffers.put(s.packed)
		c.a.buffers.put(s.plain)
	}()
	if at := c.chunks.size(); len(c.runs) == 0 || c.runs[len(c.runs)-1] != at {
		c.runs = append(c.runs, at)
	}
	files := c.sorted()
	c.arrivals.sort(len(files))
	if err := s.addAll(files); err != nil {
		c.arrivals.drop(s.isMoved)
		return err
	}
	c.arrivals.giveBack(c.a.buffers)
	c.holdArrivals()
	return nil
}

// spilling is what goes to disk together.
type spilling struct {
	c      *cut
	packed []byte
	plain  []byte // rows of one file
	files  []*file
	sizes  []int  // of each one's part of packed
	moved  []bool // by the number of the file: what had arrived is on disk
}

func (s *spilling) addAll(files []*file) error {
	s.moved = make([]bool, len(files))
	for i, f := range files {
		if i+1 < len(files) {
			s.c.arrivals.fetch(files[i+1].number)
		}
		if err := s.add(f); err != nil {
			return err
		}
	}
	return s.write()
}

func (s *spilling) isMoved(file uint32) bool { return s.moved[file] }

func (s *spilling) add(f *file) error {
	n := f.inMemory()
	if n == 0 {
		return nil
	}
	if cap(s.packed)-len(s.packed) < s2.MaxEncodedLen(n) {
		if err := s.write(); err != nil {
			return err
		}
	}
	rows := f.rows
	if f.arrived > 0 {
		if cap(s.plain) < n {
			s.c.a.buffers.put(s.plain)
			s.plain = s.c.a.buffers.get(n)
		}
		rows = s.c.arrivals.appendOf(append(s.plain[:0], rows...), f.number)
	}
	at := len(s.packed)
	s.packed = s.packed[:at+len(s2.Encode(s.packed[at:cap(s.packed)], rows))]
	s.files = append(s.files, f)
	s.sizes = append(s.sizes, len(s.packed)-at)
	return nil
}

func (s *spilling) write() error {
	if len(s.files) == 0 {
		return nil
	}
	c := s.c
	off, err := c.append(c.chunks, s.packed)
	if err != nil {
		c.a.diskRefused(err)
		return err
	}
	freed := 0
	for i, f := range s.files {
		p := chunk{off: off, n: s.sizes[i], rows: f.inMemory()}
		f.chunks = append(f.chunks, p)
		f.chunksLen += p.rows
		off += int64(p.n)
		freed += cap(f.rows)
		c.a.buffers.put(f.rows)
		f.rows, f.arrived = nil, 0
		s.moved[f.number] = true
	}
	c.hold(-freed)
	s.packed, s.files, s.sizes = s.packed[:0], s.files[:0], s.sizes[:0]
	return nil
}

// appendChunks appends the rows of chunks to dst, which has room for them.
func (c *cut) appendChunks(dst []byte, chunks []chunk) ([]byte, error) {
	var buf []byte
	defer func() { c.a.buffers.put(buf) }()
	for _, p := range chunks {
		at := len(dst)
		into := dst[at : at+p.rows : at+p.rows]
		if c.window != nil && p.n <= c.window.size/4 {
			if err := c.window.read(into, p); err != nil {
				return nil, err
			}
		} else {
			if cap(buf) < p.n {
				c.a.buffers.put(buf)
				buf = c.a.buffers.get(p.n)
			}
			if err := c.readAt(c.chunks, buf[:p.n], p.off); err != nil {
				return nil, err
			}
			if err := p.unpack(into, buf[:p.n]); err != nil {
				return nil, err
			}
		}
		dst = dst[:at+p.rows]
	}
	return dst, nil
}

// unpack makes dst the rows of a chunk.
func (p *chunk) unpack(dst, packed []byte) error {
	rows, err := s2.Decode(dst, packed)
	if err != nil || len(rows) != len(dst) {
		return fmt.Errorf("read working file: %d bytes at %d are damaged", p.n, p.off)
	}
	return nil
}
