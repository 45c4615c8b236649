package stdin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/framing"
	"golang.org/x/sys/unix"
)

// Config of the input.
type Config struct {
	Tag         string `hcl:"tag,optional" doc:"Tag of the records."`
	MaxLineSize int64  `hcl:"max_line_size,optional" unit:"bytes" doc:"Longer lines become several records; all but the first have the header \"continued\"."`
}

// Default returns the presets.
func Default() Config { return Config{Tag: "stdin", MaxLineSize: 1 << 20} }

// Validate reports every mistake.
func (c *Config) Validate() error {
	var errs []error
	if c.Tag == "" {
		errs = append(errs, errors.New("tag: must not be empty"))
	}
	if c.MaxLineSize < 1 || c.MaxLineSize > 256<<20 {
		errs = append(errs, errors.New("max_line_size: must be from 1 to 256MiB"))
	}
	return errors.Join(errs...)
}

// Stdin is the input. Make one with New.
type Stdin struct {
	cfg      Config
	warnings *fault.ThrottledLog
	file     *os.File
}

// New returns the input.
func New(cfg Config, env inputs.Env) (*Stdin, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Stdin{cfg: cfg, warnings: fault.NewThrottledLog(env.Log), file: os.Stdin}, nil
}

var continued = []record.Header{{Key: "continued", Value: []byte("true")}}

// Run implements inputs.Input. It returns nil at the end of the standard input, when all of it is
// durable.
func (s *Stdin) Run(ctx context.Context, sink inputs.Sink) error {
	late, end := framing.Stopping(ctx)
	defer end()
	g := framing.NewGather(late, sink, s.cfg.Tag, func(err error) {
		s.warnings.Warn(
			"stdin", "lines are not stored yet; they are kept and offered again", "error", err,
		)
	})
	src, err := newWaker(ctx, s.file, g)
	if err != nil {
		return err
	}
	defer src.close()
	split := framing.NewSplitter(src, framing.Newline, int(s.cfg.MaxLineSize))
	for {
		line, more, err := split.Next()
		if err == nil {
			var headers []record.Header
			if more {
				headers = continued
			}
			err = g.Add("stdin", time.Now().UnixNano(), line, headers)
		}
		if err == nil {
			continue
		}
		cerr := g.Close()
		if cerr == nil && err == framing.ErrCutOff {
			cerr = err
		}
		if cerr != nil {
			s.warnings.Warn("stdin", "stopped before all was stored", "error", cerr)
		}
		if err == io.EOF || ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("read standard input: %w", err)
	}
}

// waker reads a file that may block for ever, until ctx ends, and then what was written by then. It
// flushes g before it waits.
type waker struct {
	ctx  context.Context
	f    *os.File
	g    *framing.Gather
	wake *os.File // readable once ctx has ended
	poke *os.File
	stop func() bool
	end  time.Time // of reading on after ctx's end; zero before that has begun
}

func newWaker(ctx context.Context, f *os.File, g *framing.Gather) (*waker, error) {
	wake, poke, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	w := &waker{ctx: ctx, f: f, g: g, wake: wake, poke: poke}
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_, _ = poke.Write([]byte{0}) // the pipe is empty: it cannot fail
		close(told)
	})
	w.stop = func() bool {
		if stop() {
			return true
		}
		<-told // not before the pipe may be closed
		return false
	}
	return w, nil
}

func (w *waker) close() {
	w.stop()
	w.wake.Close()
	w.poke.Close()
}

func (w *waker) Read(p []byte) (int, error) {
	fds := []unix.PollFd{
		{Fd: int32(w.f.Fd()), Events: unix.POLLIN},
		{Fd: int32(w.wake.Fd()), Events: unix.POLLIN},
	}
	for wait := 0; ; wait = -1 { // first without waiting: there may be more
		n, err := unix.Poll(fds, wait)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, fmt.Errorf("poll: %w", err)
		case w.ctx.Err() != nil:
			return w.readOn(p, fds[:1])
		case n > 0 && fds[0].Revents != 0:
			return w.f.Read(p)
		}
		if err := w.g.Flush(); err != nil {
			return 0, err
		}
	}
}

// readOn reads what had been written when ctx ended. Ctrl-C ends those that write at the same time,
// and they have last words.
func (w *waker) readOn(p []byte, file []unix.PollFd) (int, error) {
	now := time.Now()
	if w.end.IsZero() {
		w.end = now.Add(framing.LastWords)
	}
	if !now.Before(w.end) {
		return 0, framing.ErrCutOff
	}
	for {
		n, err := unix.Poll(file, int(framing.Quiet/time.Millisecond))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, fmt.Errorf("poll: %w", err)
		case n == 0:
			return 0, w.ctx.Err()
		}
		return w.f.Read(p)
	}
}
