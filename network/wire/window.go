package wire

import (
	"errors"
	"io"
	"sync"
)

const (
	firstWindow = 4 << 10
	quietWindow = 64 << 10 // windows beyond this are accounted for, and given back when empty
)

var errWindowFull = errors.New("window full")

// Budget is memory that connections share. Acquire waits for n bytes and gives up with an error. It
// is asked only for what lies beyond the first 64 KiB of a buffer, and only once data has filled
// what was there before.
type Budget interface {
	Acquire(n int) error
	Release(n int)
}

// window is a buffer over a stream that grows only as data fills it.
type window struct {
	src    io.Reader
	budget Budget
	buf    []byte
	r, w   int
	gone   int64 // bytes taken so far
	filled bool  // the last read left no room
	err    error // of src, final
}

func (w *window) bytes() []byte { return w.buf[w.r:w.w] }

func (w *window) advance(n int) {
	w.r += n
	w.gone += int64(n)
}

// fill reads at least one more byte, or returns the reason why there is none; errWindowFull once
// the window holds limit bytes or more.
func (w *window) fill(limit int) error {
	if w.err != nil {
		return w.err
	}
	if err := w.room(limit); err != nil {
		return err
	}
	for {
		n, err := w.src.Read(w.buf[w.w:])
		w.w += n
		w.filled = w.w == len(w.buf)
		if err != nil {
			w.err = err
		}
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// room makes room for a read. What waits for more with nothing in it is made small: most
// connections wait most of the time.
func (w *window) room(limit int) error {
	if w.r == w.w {
		w.r, w.w = 0, 0
		switch n := len(w.buf); {
		case n == 0, n > firstWindow && !w.filled:
			return w.resize(firstWindow)
		case n < quietWindow && w.filled, n > quietWindow:
			return w.resize(quietWindow)
		}
		return nil
	}
	switch {
	case w.w < len(w.buf):
		return nil
	case w.w-w.r >= limit:
		return errWindowFull
	case len(w.buf) < quietWindow:
		return w.resize(quietWindow)
	case w.w-w.r <= len(w.buf)/2:
		w.w = copy(w.buf, w.bytes())
		w.r = 0
		return nil
	}
	return w.resize(grown(len(w.buf)))
}

// grown returns the next size of a buffer of n bytes that is full. Both are held while one is
// copied.
func grown(n int) int {
	if n >= 1<<20 {
		return n + n/4
	}
	return 2 * n
}

// quietBuffers holds buffers of quietWindow bytes that no window uses.
var quietBuffers = sync.Pool{New: func() any { return new([quietWindow]byte) }}

func (w *window) resize(n int) error {
	if err := charge(w.budget, len(w.buf), n); err != nil {
		return err
	}
	var buf []byte
	if n == quietWindow {
		buf = quietBuffers.Get().(*[quietWindow]byte)[:]
	} else if n > 0 {
		buf = make([]byte, n)
	}
	end := copy(buf, w.bytes())
	if len(w.buf) == quietWindow {
		quietBuffers.Put((*[quietWindow]byte)(w.buf))
	}
	w.buf, w.r, w.w = buf, 0, end
	return nil
}

// release gives the window's memory back for good.
func (w *window) release() {
	w.r, w.w = 0, 0
	_ = w.resize(0) // a budget takes everything back
}

// charge accounts for a buffer that goes from one size to another.
func charge(b Budget, from, to int) error {
	if b == nil {
		return nil
	}
	from, to = max(from-quietWindow, 0), max(to-quietWindow, 0)
	if to > from {
		return b.Acquire(to - from)
	}
	if from > to {
		b.Release(from - to)
	}
	return nil
}

// take moves the next n bytes into p, which grows as they arrive; its memory is accounted for with
// budget.
func (w *window) take(p []byte, n int, budget Budget) ([]byte, error) {
	for len(p) < n {
		if len(p) == cap(p) {
			size := min(n, max(grown(cap(p)), firstWindow))
			if err := charge(budget, cap(p), size); err != nil {
				return p, err
			}
			p = append(make([]byte, 0, size), p...)
		}
		if w.r < w.w {
			m := copy(p[len(p):min(cap(p), n)], w.bytes())
			p = p[:len(p)+m]
			w.advance(m)
			continue
		}
		if w.err != nil {
			return p, w.err
		}
		m, err := w.src.Read(p[len(p):min(cap(p), n)])
		p = p[:len(p)+m]
		w.gone += int64(m)
		if err != nil {
			w.err = err
		}
	}
	return p, nil
}
