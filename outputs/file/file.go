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

	mu    sync.Mutex
	f     *os.File // nil before the first write and after a failure
	size  int64
	begun time.Time
	buf   []byte
	wg    sync.WaitGroup // compression of rotated files
	one   sync.Mutex     // one at a time
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
	if err == nil && o.cfg.Sync {
		err = o.f.Sync()
	}
	if err != nil {
		err = errors.Join(err, o.f.Truncate(o.size), o.drop())
		return fmt.Errorf("file %s: %w", o.cfg.Path, err)
	}
	o.size += int64(len(buf))
	return nil
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
	return nil
}

// resume cuts off a torn last line. A file that was there counts as begun when it was last written:
// its true beginning is not known.
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
	return size, fi.ModTime(), f.Truncate(size)
}

func (o *Output) drop() error {
	f := o.f
	o.f = nil
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
