package tail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
)

// blockSize is how much of a file is read at a time. With the framing of ordinary lines it makes
// one batch.
const blockSize = record.TargetSize / 8 * 7

// outcome is how a turn ended.
type outcome uint8

const (
	atEnd     outcome = iota // read to the end
	closed                   // closed as asked
	truncated                // the content is no longer what was read
	lost                     // it is not where it was thought to be
	failed                   // it cannot be read; the turn's err says why
	finished                 // read to the end for good, and closed
	compared                 // compared with what is known; not a turn
	waits                    // it may not be read before the result's until
	filled                   // it was empty when it was begun: what is in it is to be looked at
)

// result tells the manager about a turn. Turns that end with more to read have none.
type result struct {
	f       *file
	outcome outcome
	err     error
	pending pending
	wakes   uint64    // of the turn
	size    int64     // of the file, as far as it was read
	grown   bool      // something was read
	match   *position // what a compressed file holds
	until   time.Time // of waits: when it may be read on
	since   time.Time // of waits: since when it waits
}

// worker takes turns. Reading needs the turn; encoding and appending go on after it has been
// released, in the order of the turns.
type worker struct {
	run     *run
	framer  framer
	enc     encoder
	buf     []byte
	spans   []span
	logged  []containerRecord
	head    [headSize]byte
	scratch []byte  // to look for the end of a hole
	limits  []limit // of the file of the turn
	hasNULs bool    // characters of two bytes, or lines that end with one: NULs are everywhere
	endNUL  []byte  // unless hasNULs, a line end and a NUL
	unit    int64   // bytes of a character, at least
}

func newWorker(r *run) *worker {
	w := &worker{
		run:     r,
		buf:     make([]byte, r.tail.block),
		hasNULs: r.tail.cfg.hasNULs(),
		unit:    int64(r.tail.cfg.charset(nuls[:2]).unit),
		framer:  newFramer(r),
		enc:     newEncoder(r),
	}
	if !w.hasNULs {
		w.endNUL = append(slices.Clone(r.tail.cfg.charset(nil).end), 0)
	}
	return w
}

// work takes turns until the queue is closed.
func (w *worker) work(ctx context.Context) {
	for {
		t, ok := w.run.queue.next()
		if !ok {
			return
		}
		var err error
		if t.job != nil {
			err = t.job(ctx)
		} else {
			err = w.turn(ctx, t)
		}
		if err != nil {
			w.run.fail(err)
			return
		}
		w.run.queue.done()
	}
}

// turn reads one block of a file. Errors are the sink's; those of the file are results.
func (w *worker) turn(ctx context.Context, t turn) error {
	f, r := t.f, &t.f.r
	if r.dead {
		w.run.queue.release(f, 0)
		return nil
	}
	if t.cmd&cmdFinish != 0 {
		r.finish = true
	}
	res := result{f: f, wakes: t.wakes}
	if t.cmd == cmdClose {
		if w.findable(f) {
			w.close(f)
		}
		res.outcome = closed
		return w.report(ctx, res)
	}
	until, excluded := w.lookUp(f)
	if excluded {
		w.leaveOut(f, &res)
		return w.report(ctx, res)
	}
	if until.IsZero() {
		f.excluded.Store(false)
		until = w.limited(f)
	}
	if !until.IsZero() {
		w.wait(f, t.cmd, &res, until)
		return w.report(ctx, res)
	}
	t.cmd |= r.owed
	r.owed, r.waiting = 0, time.Time{}
	if out, err := w.ready(f); err != nil || out != atEnd {
		// the manager goes on with what is open: it may be elsewhere by now
		if out != truncated && out != filled {
			w.close(f)
		}
		if out == lost && r.finish {
			out = finished
		}
		r.dead = out == truncated || out == finished || out == filled
		res.outcome, res.err = out, err
		return w.report(ctx, res)
	}
	if f.compression != none {
		r.finish = true
	}
	return w.readBlock(ctx, t, res)
}

// readBlock reads a block of the file of an opened turn, gives the turn back, and appends what was
// read after what was read before it.
func (w *worker) readBlock(ctx context.Context, t turn, res result) error {
	f, r := t.f, &t.f.r
	b := block{
		base: r.off, spans: w.spans[:0], logged: w.logged[:0], headers: r.podState.headers,
	}
	var fr framed
	eof, err := w.readFrom(f, r.source(), &b, &fr, t.cmd)
	w.spans, w.logged = b.spans, b.logged
	if err != nil && b.end == 0 {
		w.close(f)
		res.outcome, res.err = failed, err
		return w.report(ctx, res)
	}
	size := b.base + int64(len(b.raw))
	res.size, res.pending, res.grown = size, fr.pending, b.end > 0
	end := eof && err == nil
	if end && b.end < len(b.raw) && fr.pending == pendingNone {
		end = false // a line was cut off; its rest has been read but not dealt with
	}
	done := end && r.finish
	if b.end == 0 && len(b.logged) == 0 && !(done && f.compression != none) {
		if done {
			w.close(f)
			r.dead, res.outcome = true, finished
		}
		w.giveWay(f)
		return w.report(ctx, res)
	}
	if err := w.advanceFrom(f, r.source(), &b); err != nil {
		w.close(f)
		res.outcome, res.err = failed, err
		return w.report(ctx, res)
	}
	b.done = done && f.compression != none
	if done {
		w.close(f)
		r.dead, res.outcome = true, finished
	}
	w.giveWay(f)
	w.run.read.Add(int64(b.end))
	w.charge(r.charset, &b)
	prev, mine := r.last, make(chan struct{})
	r.last = mine
	c, path := r.charset, f.firstPath
	var again command
	if !end {
		again = cmdRead | t.cmd&(cmdFlush|cmdFlushLine)
	}
	w.run.queue.release(f, again)

	// From here on others may read the file.
	out := w.enc.encode(f, path, c, &b)
	if err := w.pack(path, out); err != nil {
		return err
	}
	if !await(ctx, prev) {
		return ctx.Err()
	}
	if err := w.deliver(ctx, f, out, b.done); err != nil {
		return err
	}
	if end {
		w.run.sendResult(ctx, res)
	}
	close(mine)
	return nil
}

// pack encodes and compresses what a block was made into, if the sink would do it in Append.
func (w *worker) pack(path string, out []encoded) error {
	if w.run.packer == nil {
		return nil
	}
	for i := range out {
		if out[i].batch != nil {
			if err := w.run.packer.Pack(out[i].batch); err != nil {
				return fmt.Errorf("pack a batch of %s: %w", path, err)
			}
		}
	}
	return nil
}

// ready opens the file if need be and makes sure that its content is still what was read.
func (w *worker) ready(f *file) (outcome, error) {
	r := &f.r
	if r.h == nil {
		h, fi, err := w.run.tail.sys.open(f.where())
		switch {
		case errors.Is(err, os.ErrNotExist):
			return lost, nil
		case err != nil:
			return failed, err
		case !fi.is(f.id, f.birth):
			_ = h.Close()
			return lost, nil
		}
		w.run.holdOpen(f, h)
	}
	if f.compression != none {
		return atEnd, w.run.openStream(f)
	}
	fi, err := w.run.tail.sys.statOpen(r.h)
	if err != nil {
		return failed, err
	}
	f.size.Store(fi.size)
	if links := int64(fi.links) + 1; f.links.Swap(links) != links && links == 1 {
		w.run.spill(spillRotated)
	}
	r.sparse = fi.holes
	if fi.size < r.off {
		return truncated, nil
	}
	if r.blank && fi.size > 0 {
		return filled, nil
	}
	same, err := r.fingerprints.matches(r.h, w.head[:])
	switch {
	case err != nil:
		return failed, err
	case !same:
		return truncated, nil
	}
	f.changed.Store(fi.ctime)
	return atEnd, nil
}

// giveWay closes the file, whose turn is over, if more are open than may be. It is opened again for
// its next turn.
func (w *worker) giveWay(f *file) {
	if f.r.h == nil || f.compression != none || w.run.tail.files.Excess() <= 0 || !w.findable(f) {
		return
	}
	w.close(f)
	w.run.crowded.Do(func() {
		files := w.run.tail.files
		w.run.tail.log.Warn(
			"more files than may be open at a time: they are closed between reads",
			"open", files.Most(), "limit", files.Limit(),
			"do", "raise the limit of open files (LimitNOFILE, ulimit -n)",
		)
	})
}

// findable reports whether the open file can be opened again by where it is, which is all that is
// known of it once it is closed.
func (w *worker) findable(f *file) bool {
	if f.r.h == nil {
		return true
	}
	fi, err := w.run.tail.sys.stat(f.where())
	return err == nil && fi.is(f.id, f.birth)
}

func (w *worker) close(f *file) { w.run.closeFile(f) }

// readFrom fills b with what src holds from the file's offset on and frames it.
func (w *worker) readFrom(
	f *file, src io.ReaderAt, b *block, fr *framed, cmd command,
) (eof bool, err error) {
	r := &f.r
	if w.mayProbe(r, cmd) {
		if waits, err := w.probe(r, src); waits || err != nil {
			if waits {
				fr.pending = pendingLine
			}
			return waits, err
		}
	}
	n, err := src.ReadAt(w.buf[:w.chunk()], r.off)
	if n > 0 && w.buf[0] == 0 && !r.skip && r.h != nil && r.z == nil {
		hole, herr := w.passHole(f)
		switch {
		case herr != nil:
			return false, herr
		case hole == openHole:
			if r.finish {
				w.skippedHole(f, f.size.Load()-r.off)
			}
			return true, nil
		}
		b.base = r.off
		n, err = src.ReadAt(w.buf[:w.chunk()], r.off)
	}
	open := false
	if r.sparse && !w.hasNULs && r.h != nil && r.z == nil {
		switch m, ends, herr := w.beforeHole(r, w.buf[:n]); {
		case herr != nil:
			return false, herr
		case ends:
			n, open, err = m, true, io.EOF
		case m < n:
			n, err = m, nil // the next turn begins with the hole
		}
	}
	for {
		if err != nil && err != io.EOF {
			if n == 0 {
				return false, err
			}
		}
		eof = err == io.EOF
		b.raw = w.buf[:n]
		if r.charset == nil {
			if r.charset, err = w.charset(f, src, b); r.charset == nil || err != nil {
				fr.pending = pendingLine
				return eof, err
			}
		}
		flush := eof && r.finish
		still := eof && cmd&(cmdFlush|cmdFlushLine) != 0 && r.off+int64(n) == r.seen
		*fr = w.framer.frame(
			b, r, !eof && err == nil, flush || still, flush || still && cmd&cmdFlushLine != 0,
		)
		if !fr.needsMore {
			break
		}
		// One line fills the buffer. It is needed whole, up to the longest one allowed.
		if want := w.run.tail.bufferSize(); len(w.buf) < want {
			w.buf = append(w.buf, make([]byte, want-len(w.buf))...)
		}
		var m int
		b.spans, b.logged, b.held = b.spans[:0], b.logged[:0], b.held[:0]
		m, err = src.ReadAt(w.buf[n:], r.off+int64(n))
		n += m
	}
	f.holds.Store(int64(fr.holds))
	w.watchCR(f, b.raw)
	if fr.pending == pendingLine && w.framer.multiline == nil && w.framer.box == nil &&
		b.end == 0 && !open {
		r.probed = r.charset.unprobed(b.base, b.raw)
	}
	if err == io.EOF {
		err = nil
	}
	r.seen = r.off + int64(n)
	return eof, err
}

// mayProbe reports whether a long last line, that grows slowly, need not be read again from its
// beginning.
func (w *worker) mayProbe(r *readState, cmd command) bool {
	return r.probed > r.off && !r.finish && cmd&(cmdFlush|cmdFlushLine) == 0 &&
		r.probed-r.off < w.run.tail.cfg.MaxLineSize &&
		r.z == nil && w.framer.box == nil
}

// probe reads what has been added to the last line, and reports whether it still has no end and is
// not too long.
func (w *worker) probe(r *readState, src io.ReaderAt) (waits bool, err error) {
	n, err := src.ReadAt(w.buf, r.probed)
	if err != nil && err != io.EOF {
		return false, err
	}
	crosses := r.probed-r.off < crBound && r.probed+int64(n)-r.off >= crBound
	if n == len(w.buf) || crosses || r.charset.newline(w.buf[:n]) >= 0 ||
		r.probed+int64(n)-r.off > w.run.tail.cfg.MaxLineSize {
		return false, nil
	}
	r.seen = r.probed + int64(n)
	r.probed = r.charset.unprobed(r.probed, w.buf[:n])
	return true, nil
}

// crBound is how much of a file without a line end is looked at for carriage returns.
const crBound = 4 << 10

// watchCR logs once for each source that carriage returns seem to end its lines, which are not
// delivered as such.
func (w *worker) watchCR(f *file, b []byte) {
	c := f.r.charset
	if f.r.loggedCR || len(b) < crBound || !c.crlf ||
		bytes.Count(b[:crBound], []byte{'\r'}) < 2 ||
		c.newline(b) >= 0 {
		return
	}
	f.r.loggedCR = true
	w.run.tail.counts.crOnly.Inc()
	w.run.tail.log.Warn(
		"a file has carriage returns and no line end so far: nothing of it is delivered before one comes, or it is cut at max_line_size",
		"path", f.where(),
		"do", `set line_end = "cr" in an input of its own if carriage returns end its lines`,
	)
}

// charset returns the file's character set, or nil if there is too little of the file to tell. One
// that was truncated goes on in the byte order that it had, unless a mark tells another.
func (w *worker) charset(f *file, src io.ReaderAt, b *block) (*charset, error) {
	head := b.raw
	if b.base > 0 {
		n, err := src.ReadAt(w.head[:2], 0)
		if err != nil && err != io.EOF {
			return nil, err
		}
		head = w.head[:n]
	}
	if f.bigEndian.Load() && len(head) >= 2 && !bytes.HasPrefix(head, csUTF16LE.bom) {
		head = csUTF16BE.bom
	}
	cfg := &w.run.tail.cfg
	c := cfg.charset(head)
	if c != nil {
		f.bigEndian.Store(c.isBigEndian && strings.EqualFold(cfg.Encoding, "utf-16"))
	}
	return c, nil
}

// advanceFrom moves the file's read offset behind b, which was read from src.
func (w *worker) advanceFrom(f *file, src io.ReaderAt, b *block) error {
	r := &f.r
	end := b.base + int64(b.end)
	if n := int(min(headSize, end)); r.head.N != n {
		head := b.raw
		if b.base > 0 {
			if m, err := src.ReadAt(w.head[:n], 0); m < n {
				return fmt.Errorf("read its first bytes: %w", err)
			}
			head = w.head[:]
		}
		r.head = fingerprintOf(head[:n])
	}
	if r.off, r.skip = end, b.skip; b.end > 0 {
		r.tail = tailOf(b.raw[:b.end])
	}
	r.probed = 0
	b.head = r.head
	return nil
}

// deliver appends what a block was made into.
func (w *worker) deliver(ctx context.Context, f *file, out []encoded, done bool) error {
	for i := range out {
		pos := f.position(out[i].fingerprints, out[i].skip)
		pos.Upto = out[i].upto.stored(pos.Off)
		pos.Done = done && i == len(out)-1
		if err := w.run.append(ctx, out[i].batch, []inputs.Position{pos.stored()}); err != nil {
			return err
		}
		out[i].batch = nil
		f.last.Store(pos)
		f.delivered.Store(out[i].off)
	}
	if w.run.astray(f) {
		w.run.spill(spillRotated)
	}
	return nil
}

// report ends a turn with a result, once everything read before has been appended.
func (w *worker) report(ctx context.Context, res result) error {
	if !await(ctx, res.f.r.last) {
		return ctx.Err()
	}
	w.run.sendResult(ctx, res)
	w.run.queue.release(res.f, 0)
	return nil
}

// await waits for c, which may be nil.
func await(ctx context.Context, c <-chan struct{}) bool {
	if c == nil {
		return true
	}
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}
