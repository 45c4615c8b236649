package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/durable"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/lines"
)

// errNoFile: what cannot be truncated and synced cannot hold a batch as a whole or not at all.
var errNoFile = errors.New(
	"it is a pipe or a device, and no file: output stdout writes to what the agent's standard output is",
)

// Output appends batches to a file. Safe for concurrent use.
type Output struct {
	cfg    Config
	format lines.Format
	log    *slog.Logger

	mu   sync.Mutex
	f    *os.File // nil before the first write and after a failure
	size int64
	// what is left of a failed write lies behind size, and could not be cut off
	isTorn bool
	begun  time.Time
	buf    []byte
	wg     sync.WaitGroup // compression of rotated files
	one    sync.Mutex     // one at a time
}

// New returns the output. The file is opened by the first write.
func New(cfg Config, env outputs.Env) (*Output, error) {
	return &Output{cfg: cfg, format: lines.Format(cfg.Format), log: env.Log}, nil
}

// Write implements outputs.Writer. A batch is in the file as a whole or not at all, unless the
// process ends in the middle; then the torn line is cut off by the next run.
func (o *Output) Write(_ context.Context, b *record.Batch) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	buf, err := o.format.Append(o.buf[:0], b)
	if err != nil {
		return err
	}
	if o.buf = buf; cap(buf) > 8<<20 {
		o.buf = nil
	}
	if err := o.ready(); err != nil {
		return fmt.Errorf("file %s: %w", o.cfg.Path, err)
	}
	_, err = o.f.WriteAt(buf, o.size)
	if err == nil && o.isTorn {
		err = o.cut(o.size + int64(len(buf)))
	}
	if err == nil && o.cfg.Sync {
		err = o.f.Sync()
	}
	if err != nil {
		return fmt.Errorf("file %s: %w", o.cfg.Path, o.takeBack(err))
	}
	o.size += int64(len(buf))
	return nil
}

// takeBack cuts off what is left of a write that failed. Over quota btrfs does not: it clears a
// part of it, and may show the rest later. There it is what the next write overwrites.
func (o *Output) takeBack(err error) error {
	if o.isTorn || errors.Is(err, syscall.EDQUOT) {
		o.isTorn = true
		return err
	}
	return errors.Join(err, o.f.Truncate(o.size), o.drop())
}

// cut cuts off what lies behind size.
func (o *Output) cut(size int64) error {
	err := o.f.Truncate(size)
	o.isTorn = err != nil
	return err
}

// Probe implements outputs.Prober: the file can be opened.
func (o *Output) Probe(context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ready()
}

// ready makes o.f the file at the path, with room.
func (o *Output) ready() error {
	if o.f != nil {
		here, err := os.Stat(o.cfg.Path)
		mine, merr := o.f.Stat()
		// moved, deleted or truncated by somebody else
		if err != nil || merr != nil || !os.SameFile(here, mine) || mine.Size() < o.size {
			if err := o.drop(); err != nil {
				return err
			}
		}
	}
	if o.f == nil {
		if err := o.open(); err != nil {
			return err
		}
	}
	r := o.cfg.Rotate
	if o.size > 0 && (r.Size > 0 && o.size >= r.Size || r.Age > 0 && time.Since(o.begun) >= r.Age) {
		if o.isTorn {
			if err := o.cut(o.size); err != nil {
				return err
			}
		}
		if err := o.rotate(); err != nil {
			return fmt.Errorf("rotate: %w", err)
		}
		return o.open()
	}
	return nil
}

func (o *Output) open() error {
	dir := filepath.Dir(o.cfg.Path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(o.cfg.Path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	size, begun, err := resume(f)
	if err == nil {
		err = durable.SyncDir(dir)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	o.f, o.size, o.begun = f, size, begun
	if err := o.cut(size); err != nil && !errors.Is(err, syscall.EDQUOT) {
		return errors.Join(err, o.drop())
	}
	return nil
}

// resume returns where a torn last line begins, or the end of the file. A file that was there
// counts as begun when it was last written: its true beginning is not known.
func resume(f *os.File) (size int64, begun time.Time, err error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, begun, err
	}
	if !fi.Mode().IsRegular() {
		return 0, begun, errNoFile
	}
	if fi.Size() == 0 {
		return 0, time.Now(), nil
	}
	size = fi.Size()
	buf := make([]byte, 64<<10)
	for size > 0 {
		n := min(size, int64(len(buf)))
		if _, err := f.ReadAt(buf[:n], size-n); err != nil && !errors.Is(err, io.EOF) {
			return 0, begun, err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			size -= n - int64(i) - 1
			break
		}
		size -= n
	}
	return size, fi.ModTime(), nil
}

func (o *Output) drop() error {
	f := o.f
	o.f, o.isTorn = nil, false
	return f.Close()
}

// Close implements outputs.Writer.
func (o *Output) Close() error {
	o.wg.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.f == nil {
		return nil
	}
	return o.drop()
}
