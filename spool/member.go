package spool

import (
	"errors"
	"slices"
	"sync"

	"github.com/penstock/penstock/spool/format"
)

// builtMembers is what workers have made of a cut's members. Safe for concurrent use: they add to
// it while the drain's goroutine asks.
type builtMembers struct {
	mu      sync.Mutex
	largest int64     // bytes of the largest file's members
	err     error     // of a worker
	held    []*extent // members that the disk did not take, held in memory
}

// add counts a member of n bytes of f, or notes why there is none.
func (w *builtMembers) add(f *file, n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.err = errors.Join(w.err, err)
	}
	f.stored += int64(n)
	w.largest = max(w.largest, f.stored)
}

// hold keeps a member until the disk takes it, see cut.writeHeld.
func (w *builtMembers) hold(m *extent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, m)
}

func (w *builtMembers) heldBytes() (n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.held {
		n += int64(len(m.mem))
	}
	return n
}

func (w *builtMembers) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// largestFile returns the bytes that the largest file has on disk so far.
func (w *builtMembers) largestFile() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.largest
}

// job is a member to be made. Its memory stays on the account until then.
type job struct {
	c         *cut
	f         *file
	m         *extent
	rows      []byte
	chunks    []chunk
	chunksLen int
}

func (j *job) run(scratch []byte) []byte {
	c := j.c
	defer c.jobs.Done()
	out, err := c.compress(scratch[:0], j.f.format, j.chunks, j.chunksLen, j.rows)
	c.acct.take(-int64(cap(j.rows)), 0)
	c.a.buffers.put(j.rows)
	if err == nil {
		j.m.n = len(out)
		c.storeMember(j.m, out)
	}
	c.made.add(j.f, j.m.n, err)
	return out
}

// storeMember writes a member, or keeps it in memory while the disk is full: what is spooled can
// then still be uploaded.
func (c *cut) storeMember(m *extent, p []byte) {
	off, err := c.append(c.members, p)
	if err == nil {
		m.off = off
		return
	}
	m.mem = slices.Clone(p)
	c.acct.take(int64(len(m.mem)), 0)
	c.a.diskRefused(err)
	c.made.hold(m)
}

// writeHeld tries again to write what the disk did not take, and reports whether it has taken all.
func (c *cut) writeHeld() bool {
	c.made.mu.Lock()
	defer c.made.mu.Unlock()
	for len(c.made.held) > 0 {
		m := c.made.held[0]
		off, err := c.append(c.members, m.mem)
		if err != nil {
			c.a.diskRefused(err)
			return false
		}
		c.acct.take(-int64(len(m.mem)), 0)
		m.off, m.mem = off, nil
		c.made.held = c.made.held[1:]
	}
	return true
}

// compress makes one member of chunks and the rows behind them.
func (c *cut) compress(
	dst []byte, ff format.Format, chunks []chunk, chunksLen int, rows []byte,
) ([]byte, error) {
	all := rows
	if len(chunks) > 0 {
		all = c.a.buffers.get(chunksLen + len(rows))
		defer func() { c.a.buffers.put(all) }()
		got, err := c.appendChunks(all, chunks)
		if err != nil {
			return nil, err
		}
		all = append(got, rows...)
	}
	return ff.AppendMember(dst, all)
}
