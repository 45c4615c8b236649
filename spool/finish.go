package spool

import (
	"context"
	"fmt"
	"io"

	"github.com/penstock/penstock/spool/format"
)

// finished returns a file as it is uploaded. One whose format is written in one go is made now,
// trying for ever while the disk is full.
func (a *Archiver) finished(ctx context.Context, c *cut, f *file) (*object, error) {
	staged, err := c.object(f)
	if err != nil {
		return nil, err
	}
	ff, ok := f.format.(format.Finisher)
	if !ok {
		return staged, nil
	}
	defer staged.close()
	giveBack, err := take(ctx, a.finishing)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	for attempt := 1; ; attempt++ {
		w := &finishWriter{
			c:  c,
			to: a.dir.newStore("file"),
		}
		err := ff.Finish(w, io.NewSectionReader(staged, 0, staged.size))
		if err == nil {
			err = w.flush()
		}
		obj := &object{c: c, from: w.to, ownsSource: true}
		if err == nil {
			if w.to.end > 0 {
				obj.add(extent{n: int(w.to.end)})
			} else {
				obj.add(extent{n: len(w.buf), mem: w.buf})
			}
			return obj, nil
		}
		obj.close()
		if w.refused == nil {
			return nil, fmt.Errorf("make %s: %w", f.path, err)
		}
		a.failing.disk.Failed("", w.refused)
		if err := pause(ctx, attempt); err != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// close gives back what the object had to itself.
func (o *object) close() {
	if o.ownsSource {
		_ = o.c.drop(o.from, nil)
	}
	o.c.a.buffers.put(o.tail)
	o.tail = nil
}

// finishWriter keeps a small file in memory and writes a larger one to disk.
type finishWriter struct {
	c       *cut
	to      *store
	buf     []byte
	refused error // by the disk
}

const finishInMemory = 256 << 10

func (w *finishWriter) Write(p []byte) (int, error) {
	w.buf = append(w.buf, p...)
	if len(w.buf) >= finishInMemory {
		return len(p), w.write()
	}
	return len(p), nil
}

func (w *finishWriter) write() error {
	if _, err := w.c.append(w.to, w.buf); err != nil {
		w.refused = err
		return err
	}
	w.buf = w.buf[:0]
	return nil
}

// flush writes the rest, if the file went to disk.
func (w *finishWriter) flush() error {
	if w.to.end == 0 || len(w.buf) == 0 {
		return nil
	}
	return w.write()
}
