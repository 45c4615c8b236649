package wire

import (
	"errors"
	"io"
)

const (
	firstWindow = 4 << 10
	quietWindow = 64 << 10 // windows beyond this are accounted for, and given back when empty
)

var errWindowFull = errors.New("window full")

// Budget is memory that connections share. Acquire waits for n bytes and gives up with an error; it is asked only for what lies
// beyond the first 64 KiB of a buffer, and only once data has filled what was there before.
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

// fill reads at least one more byte, or returns the reason why there is none; errWindowFull once the window holds limit bytes or more.
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

func (w *window) room(limit int) error {
	if w.r == w.w {
		w.r, w.w = 0, 0
		switch {
		case len(w.buf) > quietWindow:
			return w.resize(quietWindow)
		case len(w.buf) == 0, w.filled && len(w.buf) < quietWindow:
			return w.resize(max(firstWindow, 2*len(w.buf)))
		}
		return nil
	}
	if w.w < len(w.buf) {
		return nil
	}
	if w.w-w.r >= limit {
		return errWindowFull
	}
	if w.w-w.r <= len(w.buf)/2 {
		w.w = copy(w.buf, w.bytes())
		w.r = 0
		return nil
	}
	return w.resize(2 * len(w.buf))
}

func (w *window) resize(n int) error {
	if err := charge(w.budget, len(w.buf), n); err != nil {
		return err
	}
	buf := make([]byte, n)
	w.w = copy(buf, w.bytes())
	w.buf, w.r = buf, 0
	return nil
}

// release gives the window's memory back for good.
func (w *window) release() {
	_ = charge(w.budget, len(w.buf), 0)
	w.buf, w.r, w.w = nil, 0, 0
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

// take moves the next n bytes into p, which grows as they arrive; its memory is accounted for with budget.
func (w *window) take(p []byte, n int, budget Budget) ([]byte, error) {
	for len(p) < n {
		if len(p) == cap(p) {
			size := min(n, max(2*cap(p), firstWindow))
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
