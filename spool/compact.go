package spool

// compactOver is how many dead bytes of chunks are let lie.
const compactOver = 32 << 20

// compact rewrites the file of chunks once more than half of it is dead, so that it takes no more
// than twice what it holds.
func (c *cut) compact() error {
	if c.deadChunkBytes < compactOver || c.deadChunkBytes < c.chunks.size()/2 {
		return nil
	}
	c.jobs.Wait() // they read from the old file
	old := c.chunks
	fresh := c.a.dir.newStore("chunks")
	moved := map[*file]int64{}
	buf := c.a.buffers.get(chunkSize)
	defer func() { c.a.buffers.put(buf) }()
	for _, f := range c.sorted() {
		n := 0
		for _, p := range f.chunks {
			n += p.n
		}
		if n == 0 {
			continue
		}
		if cap(buf) < n {
			c.a.buffers.put(buf)
			buf = c.a.buffers.get(n)
		}
		buf = buf[:0]
		for _, p := range f.chunks {
			at := len(buf)
			buf = buf[:at+p.n]
			if err := c.readAt(old, buf[at:], p.off); err != nil {
				return c.drop(fresh, err)
			}
		}
		off, err := c.append(fresh, buf)
		if err != nil {
			c.a.diskRefused(err)
			return c.drop(fresh, err)
		}
		moved[f] = off
	}
	for f, off := range moved {
		for i := range f.chunks {
			f.chunks[i].off = off
			off += int64(f.chunks[i].n)
		}
	}
	c.chunks, c.deadChunkBytes, c.runs = fresh, 0, append(c.runs[:0], 0)
	return c.drop(old, nil)
}

// drop removes a working file and returns err.
func (c *cut) drop(s *store, err error) error {
	if s.end == 0 {
		return err
	}
	if e := c.a.files.remove(s.path); e != nil {
		c.a.env.Log.Warn("a working file stays behind until the next start", "error", e)
	}
	c.acct.take(0, -s.end)
	s.end = 0
	return err
}
