package tail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/inputs/framing"
	"golang.org/x/sys/unix"
)

const (
	pipeBuffer = 64 << 10 // what is held of a pipe at first: as much as a pipe holds
	// how long more is waited for before what has come is appended
	pipeLinger = 5 * time.Millisecond
)

// pipeReader takes what comes out of a named pipe through the framing of plain files.
type pipeReader struct {
	run    *run
	src    *os.File
	conn   syscall.RawConn
	file   *file // what has come out of the pipe, as if it stood in a file
	framer framer
	enc    encoder
	out    *framing.Gather // nothing is taken from the pipe while it waits

	held    []byte // taken, and not appended: from the file's offset on
	probed  int    // if a line is pending: no line end is in so many bytes of held
	pending pending
	grown   time.Time // when something was taken last
	spans   []span
}

// follow reads the pipe src, which it closes, until the context until ends, and then what had been
// written by that time. What was taken is offered to the sink until framing.Grace after ctx has
// ended.
func (r *run) follow(ctx, until context.Context, src *os.File, path string) error {
	defer func() { _ = src.Close() }()
	late, end := framing.Stopping(ctx)
	defer end()
	p, err := newPipeReader(late, r, src, path)
	if err != nil {
		return err
	}
	defer p.holds(0)
	if err = p.read(until); late.Err() == nil {
		err = errors.Join(err, p.finish())
	}
	return err
}

// newPipeReader returns a reader of src that appends until ctx ends.
func newPipeReader(ctx context.Context, r *run, src *os.File, path string) (*pipeReader, error) {
	conn, err := src.SyscallConn()
	if err != nil {
		return nil, err
	}
	t := r.tail
	notes := fault.NewThrottledLog(t.log)
	trouble := func(err error) {
		t.counts.errors.WithLabelValues("pipe").Inc()
		notes.Warn(
			path,
			"lines of a named pipe are not stored yet; they are kept and offered again", "error",
			err,
		)
	}
	tag := t.tagger.tag(path)
	return &pipeReader{
		run:  r,
		src:  src,
		conn: conn,
		file: &file{
			firstPath: path,
			origin:    t.env.Agent + ":" + path,
			tag:       tag,
			headers:   t.tagger.headersOf(path),
		},
		framer: newFramer(r),
		enc:    newEncoder(r),
		out:    framing.NewGather(ctx, r.sink, tag, trouble),
		held:   make([]byte, 0, min(t.block, pipeBuffer)),
	}, nil
}

// read takes what comes until ctx ends.
func (p *pipeReader) read(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = p.src.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var due time.Time
	unframed := false // some of what is held has not been framed yet
	for {
		if err := p.src.SetReadDeadline(due); err != nil {
			return err
		}
		if ctx.Err() != nil { // after the deadline was set, or it would undo the stop's
			return nil
		}
		n, err := p.take()
		switch {
		case err != nil:
			return err
		case n > 0:
			p.grown = time.Now()
			if !unframed {
				unframed, due = true, p.grown.Add(pipeLinger)
			}
			if p.room() {
				continue
			}
		case ctx.Err() != nil:
			return nil
		}
		if err := p.deal(!unframed, !unframed && p.pending == pendingLine); err != nil {
			return err
		}
		unframed, due = false, p.due()
	}
}

// due tells when what is pending is complete if nothing more comes.
func (p *pipeReader) due() time.Time {
	c := &p.run.tail.cfg
	switch {
	case p.pending == pendingEvent:
		at := p.grown.Add(c.eventTimeout())
		if now := time.Now(); c.Container && at.Before(now) { // each stream has a time of its own
			at = now.Add(c.eventTimeout())
		}
		return at
	case p.pending == pendingLine && c.PartialLine > 0:
		return p.grown.Add(c.PartialLine)
	}
	return time.Time{}
}

// take waits for something to read until the read deadline, and reads it.
func (p *pipeReader) take() (int, error) {
	n, err := p.src.Read(p.held[len(p.held):cap(p.held)])
	p.held = p.held[:len(p.held)+n]
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// A deadline that has passed says nothing about what is there.
		return p.takeNow(cap(p.held))
	}
	return n, err
}

// takeNow reads what there is, up to most bytes.
func (p *pipeReader) takeNow(most int) (n int, err error) {
	free := p.held[len(p.held):cap(p.held)]
	free = free[:min(len(free), most)]
	cerr := p.conn.Control(func(fd uintptr) {
		for {
			if n, err = unix.Read(int(fd), free); err != unix.EINTR {
				return
			}
		}
	})
	switch {
	case cerr != nil:
		return 0, cerr
	case err == unix.EAGAIN:
		return 0, nil
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	}
	p.held = p.held[:len(p.held)+n]
	return n, nil
}

// room reports whether more may be taken before what is held is framed.
func (p *pipeReader) room() bool {
	if p.full() && cap(p.held) < p.run.tail.block {
		p.grow(p.run.tail.block)
	}
	return !p.full()
}

func (p *pipeReader) full() bool { return len(p.held) == cap(p.held) }

func (p *pipeReader) grow(most int) {
	p.held = append(make([]byte, 0, min(2*cap(p.held), most)), p.held...)
}

// finish takes what had been written by now; nothing is added to the last event and the last line.
func (p *pipeReader) finish() error {
	var left int
	var err error
	if cerr := p.conn.Control(
		func(fd uintptr) { left, err = inPipe(int(fd)) },
	); cerr != nil ||
		err != nil {
		return errors.Join(cerr, os.NewSyscallError("ioctl", err))
	}
	for left > 0 {
		n, err := p.takeNow(left)
		if err != nil {
			return errors.Join(err, p.deal(true, true))
		}
		if n == 0 {
			break
		}
		left -= n
		if !p.room() {
			if err := p.deal(false, false); err != nil {
				return err
			}
		}
	}
	p.file.r.finish = true
	if err := p.deal(true, true); err != nil {
		return err
	}
	return p.stored(p.out.Close())
}

// deal frames what is held and appends it. events and partial: as the framer has it.
func (p *pipeReader) deal(events, partial bool) error {
	r := &p.file.r
	if r.charset == nil {
		if r.charset = p.run.tail.cfg.charset(p.held); r.charset == nil {
			if p.pending = pendingLine; !partial {
				return nil
			}
			r.charset = p.run.tail.cfg.ended(csUTF16LE)
		}
	}
	full := p.full()
	if !full && !events && p.pending == pendingLine && len(p.held) <= p.framer.maxLine &&
		r.charset.newline(p.held[p.probed:]) < 0 {
		// a long line that grows slowly is not framed again and again
		p.probed = int(r.charset.unprobed(int64(p.probed), p.held[p.probed:]))
		return nil
	}
	at := 0
	for at < len(p.held) || p.pending == pendingEvent {
		b := block{raw: p.held[at:], base: r.off, spans: p.spans[:0]}
		fr := p.framer.frame(&b, r, full && at == 0, events, partial)
		p.spans, p.pending = b.spans, fr.pending
		p.holds(fr.holds)
		if fr.needsMore {
			p.grow(p.run.tail.bufferSize())
		}
		if b.end == 0 && len(b.logged) == 0 {
			break
		}
		if err := p.add(&b); err != nil {
			return err
		}
		r.off, r.skip = r.off+int64(b.end), b.skip
		at += b.end
		if p.pending == pendingEvent {
			break // framing it again would join its lines again
		}
	}
	p.held = p.held[:copy(p.held, p.held[at:])]
	p.probed = int(r.charset.unprobed(0, p.held))
	return p.stored(p.out.Flush())
}

// holds notes how many events wait for more lines.
func (p *pipeReader) holds(n int) {
	p.run.pipesHold.Add(int64(n) - p.file.holds.Swap(int64(n)))
}

// add hands on what b holds.
func (p *pipeReader) add(b *block) error {
	for _, e := range p.enc.encode(p.file, p.file.firstPath, p.file.r.charset, b) {
		if e.batch == nil {
			continue
		}
		records, err := e.batch.Records()
		if err != nil {
			return err
		}
		for rec := range records {
			if err := p.out.Add(p.file.origin, rec.Time, rec.Value, rec.Headers); err != nil {
				return p.stored(err)
			}
		}
		e.batch.Release()
	}
	return nil
}

func (p *pipeReader) stored(err error) error {
	if err != nil {
		return fmt.Errorf(
			"what was taken from it last could not be stored before the stop and is lost: %w", err,
		)
	}
	return nil
}
