package tail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	hpcloud "github.com/hpcloud/tail"
	"github.com/penstock/penstock/buffer/record"
)

// pipe follows one named pipe. What is in a pipe exists nowhere else: a pipe has no positions, and what was taken from it when the agent is
// killed is lost. A stop in good order loses nothing.
type pipe struct {
	path    string
	id      ident
	started bool
	cancel  context.CancelFunc
	stopped chan struct{}
}

func (p *pipe) wait() {
	if p.started {
		<-p.stopped
	}
}

// openPipe notes a named pipe to follow.
func (m *manager) openPipe(s sight) {
	if m.pipes[s.fi.id] == nil {
		m.pipes[s.fi.id] = &pipe{path: s.path, id: s.fi.id, stopped: make(chan struct{})}
	}
}

// sweepPipes starts to follow new pipes and ends following those that are gone.
func (m *manager) sweepPipes(ctx context.Context) {
	for id, p := range m.pipes {
		if !p.started {
			p.started = true
			var pctx context.Context
			pctx, p.cancel = context.WithCancel(ctx)
			go func() {
				defer close(p.stopped)
				if err := m.run.follow(pctx, p.path); err != nil {
					m.log.Error("cannot follow a named pipe", "path", p.path, "error", err)
					m.run.tail.counts.errors.WithLabelValues("pipe").Inc()
				}
			}()
			continue
		}
		if fi, err := statPath(p.path); err != nil || fi.id != id {
			p.cancel()
		}
		select {
		case <-p.stopped:
			delete(m.pipes, id)
		default:
		}
	}
}

// mark is the byte that fills the lines by which follow finds the end of what was written before it stops. A line of nothing else is no record.
const mark = "\x16"

// follow reads a pipe until ctx ends, and then what had been written by that time.
func (r *run) follow(ctx context.Context, path string) error {
	// A writer of our own: the pipe never ends, opening it does not wait, and the stop can be announced in it.
	own, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer func() { _ = own.Close() }()
	t, err := hpcloud.TailFile(path, hpcloud.Config{
		Pipe: true, Follow: true, MustExist: true, Poll: true, Logger: hpcloud.DiscardingLogger,
	})
	if err != nil {
		return err
	}
	p := pipeReader{run: r, path: path, lines: t.Lines, charset: charsetOf(r.tail.cfg.Encoding, []byte{0, 0}), enc: newEncoder(r)}
	if p.charset.unit != 1 {
		return fmt.Errorf("encoding %q cannot be used for named pipes", r.tail.cfg.Encoding)
	}
	p.begin()
	err = p.read(ctx)
	if err == nil {
		err = p.finish(own)
	}
	t.Kill(nil)
	// It may wait for us to take a line, or for something to read.
	_, _ = own.WriteString(mark + "\n")
	for range t.Lines {
	}
	if err != nil {
		r.fail(err)
		return nil // said by who is told
	}
	if err := t.Wait(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

type pipeReader struct {
	run     *run
	path    string
	lines   chan *hpcloud.Line
	charset *charset
	enc     encoder
	tag     string
	at      int64
	unsent  *record.Batch // built, but not appended yet
}

func (p *pipeReader) begin() {
	p.tag = p.run.tail.tagger.tag(p.path)
	p.enc.begin(p.path)
	p.enc.builder.Reset(p.tag, p.run.tail.env.Agent+":"+p.path, 4096)
}

// add takes one line and tells whether it was the mark.
func (p *pipeReader) add(line *hpcloud.Line) bool {
	text := line.Text
	if text != "" && strings.Trim(text, mark) == "" {
		return true
	}
	raw := p.charset.trimCR([]byte(text))
	p.enc.line(&block{base: p.at}, p.charset, 0, raw, line.Time.UnixMilli()*1e6)
	p.at += int64(len(text)) + 1
	return false
}

// flush appends what was taken. What could not be appended is kept for the next flush.
func (p *pipeReader) flush(ctx context.Context) error {
	for {
		if p.unsent == nil {
			p.unsent = p.enc.builder.Build()
			p.begin()
		}
		if p.unsent == nil {
			return nil
		}
		if err := p.run.append(ctx, p.unsent, nil); err != nil {
			return err
		}
		p.unsent = nil
	}
}

// read takes lines until ctx ends. A batch ends when no more lines are there at once.
func (p *pipeReader) read(ctx context.Context) error {
	const linger = 5 * time.Millisecond
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(time.Hour)
		if p.enc.builder.Len() > 0 {
			timer.Reset(linger)
		}
		full := p.enc.builder.Size() >= record.TargetSize
		if !full {
			select {
			case line, ok := <-p.lines:
				if !ok {
					return p.flush(ctx)
				}
				p.add(line)
				continue
			case <-ctx.Done():
				return nil
			case <-timer.C:
			}
		}
		if err := p.flush(ctx); err != nil {
			if ctx.Err() != nil {
				return nil // finish has another try
			}
			return err
		}
	}
}

// finish takes what was written before now.
func (p *pipeReader) finish(own *os.File) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	// No more than PIPE_BUF is written at once or not at all; it is as long as the reader's buffer, so that nothing behind it is taken.
	marks := []byte(strings.Repeat(strings.Repeat(mark, 15)+"\n", 256))
	retry := time.NewTicker(2 * time.Millisecond)
	defer retry.Stop()
	written := false
	for {
		if !written {
			_, err := own.Write(marks)
			written = err == nil
		}
		select {
		case line, ok := <-p.lines:
			if ok && !p.add(line) {
				if p.enc.builder.Size() >= record.TargetSize {
					if err := p.flush(ctx); err != nil {
						return err
					}
				}
				continue
			}
			return p.flush(ctx)
		case <-retry.C:
		case <-ctx.Done():
			return p.flush(ctx)
		}
	}
}
