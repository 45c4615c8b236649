package deadletter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/penstock/penstock/buffer/record/durable"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/recordline"
	"golang.org/x/sys/unix"
)

const (
	deadLetterRoll   = 64 << 20
	deadLetterSuffix = ".ndjson"
)

// Dir keeps refused records in a local directory, as files of one JSON object per line, synced
// before Keep returns. Files are rolled by size. A reader takes one away by renaming it under an
// exclusive flock, at any time; see TakeDeadLetters.
type Dir struct {
	dir string

	mu   sync.Mutex
	f    *os.File // nil until something is refused
	size int64
	seq  int
	buf  []byte
}

// NewDir returns a dead letter in dir, which is created when it is needed.
func NewDir(dir string) *Dir { return &Dir{dir: dir} }

// Keep implements DeadLetter.
func (d *Dir) Keep(_ context.Context, dead []outputs.DeadRecord) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.buf = d.buf[:0]
	for i := range dead {
		d.buf = recordline.AppendLine(d.buf, &dead[i])
	}
	err := d.append(d.buf)
	if cap(d.buf) > 4<<20 {
		d.buf = nil
	}
	if err != nil {
		return fmt.Errorf("dead letter %s: %w", d.dir, err)
	}
	return nil
}

func (d *Dir) append(p []byte) error {
	if err := d.ready(); err != nil {
		return err
	}
	defer func() {
		if d.f != nil {
			_ = unix.Flock(int(d.f.Fd()), unix.LOCK_UN)
		}
	}()
	_, err := d.f.WriteAt(p, d.size)
	if err == nil {
		err = d.f.Sync()
	}
	if err != nil {
		// What was written may be torn. If it cannot be cut off, a new file is begun: readers skip
		// a torn last line.
		if terr := d.f.Truncate(d.size); terr != nil {
			return errors.Join(err, d.drop())
		}
		return err
	}
	d.size += int64(len(p))
	return nil
}

// ready makes d.f a locked file that is still in its place and has room.
func (d *Dir) ready() error {
	for range 1000 {
		if d.f != nil && d.size >= deadLetterRoll {
			if err := d.drop(); err != nil {
				return err
			}
		}
		if d.f == nil {
			if err := d.open(); err != nil {
				return err
			}
		}
		if err := unix.Flock(int(d.f.Fd()), unix.LOCK_EX); err != nil {
			return err
		}
		here, err := os.Stat(d.f.Name())
		if err == nil {
			if mine, err := d.f.Stat(); err == nil && os.SameFile(here, mine) {
				return d.recoverEnd(mine.Size())
			}
		}
		if err := d.drop(); err != nil { // a reader has taken it
			return err
		}
	}
	return errors.New("the file is taken away again and again")
}

// recoverEnd finds the end of the locked file, where another process may have written.
func (d *Dir) recoverEnd(size int64) error {
	if size == d.size {
		return nil
	}
	size, err := wholeLines(d.f)
	if err != nil {
		return err
	}
	d.size = size
	return d.f.Truncate(size)
}

func (d *Dir) drop() error {
	f := d.f
	d.f, d.size = nil, 0
	return f.Close()
}

// open goes on with the last file, or begins one. What a crash left torn at its end is cut off once
// it is locked.
func (d *Dir) open() error {
	if err := os.MkdirAll(d.dir, 0o750); err != nil {
		return err
	}
	names, err := DeadLetterFiles(d.dir)
	if err != nil {
		return err
	}
	if d.seq == 0 {
		if n := len(names); n > 0 {
			fmt.Sscanf(filepath.Base(names[n-1]), "%d", &d.seq)
		} else {
			d.seq = 1
		}
	} else {
		d.seq++
	}
	name := filepath.Join(d.dir, fmt.Sprintf("%020d%s", d.seq, deadLetterSuffix))
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	if err := durable.SyncDir(d.dir); err != nil {
		return errors.Join(err, f.Close())
	}
	d.f, d.size = f, 0
	return nil
}

// Close closes the file.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.f == nil {
		return nil
	}
	return d.drop()
}

// wholeLines returns the size of f up to its last line end.
func wholeLines(f *os.File) (int64, error) {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	buf := make([]byte, 64<<10)
	for end > 0 {
		n := min(end, int64(len(buf)))
		if _, err := f.ReadAt(buf[:n], end-n); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return end - n + int64(i) + 1, nil
		}
		end -= n
	}
	return 0, nil
}

func DeadLetterFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), deadLetterSuffix) &&
			!strings.HasPrefix(e.Name(), TakenPrefix) {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(names)
	return names, nil
}

const TakenPrefix = "replaying-"

// Waiting returns all files of a dead letter directory, those that a replay has taken and not
// finished first.
func Waiting(dir string) ([]string, error) {
	taken, err := takenFiles(dir)
	if err != nil {
		return nil, err
	}
	names, err := DeadLetterFiles(dir)
	return append(taken, names...), err
}

// TakeDeadLetters takes the files of a dead letter directory away from whoever writes them, and
// returns the names they have now, oldest first, those that an earlier call took and that are still
// there included. The agent may be running.
func TakeDeadLetters(dir string) ([]string, error) {
	names, err := DeadLetterFiles(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := take(name); err != nil {
			return nil, err
		}
	}
	return takenFiles(dir)
}

func takenFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var taken []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasPrefix(e.Name(), TakenPrefix) &&
			strings.HasSuffix(e.Name(), deadLetterSuffix) {
			taken = append(taken, filepath.Join(dir, e.Name()))
		}
	}
	return taken, err
}

func take(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another has taken it
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", name, err)
	}
	if here, err := os.Stat(name); err != nil {
		return nil
	} else if mine, err := f.Stat(); err != nil || !os.SameFile(here, mine) {
		return err
	}
	base := strings.TrimSuffix(filepath.Base(name), deadLetterSuffix)
	to := filepath.Join(filepath.Dir(name), TakenPrefix+base+deadLetterSuffix)
	for i := 1; ; i++ { // a file of this name may still be there from a replay that was cut short
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return err
		}
		to = filepath.Join(
			filepath.Dir(name), fmt.Sprintf("%s%s-%d%s", TakenPrefix, base, i, deadLetterSuffix),
		)
	}
	return errors.Join(os.Rename(name, to), durable.SyncDir(filepath.Dir(name)))
}

// LockDir keeps a second replay out of dir.
func LockDir(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s is being replayed by another process", dir)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() { _ = f.Close() }, nil
}
