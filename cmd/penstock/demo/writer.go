package demo

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// Rotation is a way to rotate a log.
type Rotation int

const (
	Rename       Rotation = iota // app.log becomes app.log.1, a new app.log is created
	RenameGzip                   // the same, and the older app.log.1 is compressed to app.log.2.gz
	CopyTruncate                 // app.log is copied to app.log.1, then truncated
)

// App writes numbered JSON lines to one log and rotates it, as an application and logrotate do
// together. Not safe for concurrent use.
type App struct {
	Source string // goes into every line
	Path   string
	Kinds  []Rotation // chosen from at random
	Rand   *rand.Rand
	// Keep is the number of rotated files kept; 0 keeps all. Compressed or not, an older one is
	// deleted.
	Keep int

	f       *os.File
	next    int64
	rotated int
}

// Written returns how many lines have been written: their numbers are 0 to Written-1.
func (a *App) Written() int64 { return a.next }

// Write appends n lines.
func (a *App) Write(n int) error {
	if a.f == nil {
		f, err := os.OpenFile(a.Path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return err
		}
		a.f = f
	}
	var buf []byte
	for range n {
		buf = AppendLine(buf, a.Source, a.next, time.Now())
		a.next++
	}
	_, err := a.f.Write(buf)
	return err
}

// AppendLine appends a JSON log line of about 200 bytes.
func AppendLine(dst []byte, source string, seq int64, t time.Time) []byte {
	return fmt.Appendf(
		dst,
		`{"ts":"%s","source":"%s","seq":%d,"level":"info","msg":"request served","path":"/api/v1/items/%d","status":200,"ms":%d,"user":"u-%d","trace":"%016x%016x"}`+"\n",
		t.UTC().
			Format("2006-01-02T15:04:05.000Z"),
		source,
		seq,
		seq%1000,
		seq%97,
		seq%10007,
		uint64(seq)*0x9e3779b97f4a7c15,
		uint64(seq),
	)
}

// Rotate rotates the log in one of the ways of Kinds. For CopyTruncate the caller has seen to it
// that every line is read: what a reader has not seen before the truncation can only be found in
// the copy.
func (a *App) Rotate() (Rotation, error) {
	if a.f == nil {
		return Rename, nil
	}
	kind := a.Kinds[a.Rand.IntN(len(a.Kinds))]
	a.rotated++
	to := fmt.Sprintf("%s.%d", a.Path, a.rotated)
	if kind == CopyTruncate {
		if err := copyFile(a.Path, to); err != nil {
			return kind, err
		}
		return kind, a.f.Truncate(0)
	}
	if err := os.Rename(a.Path, to); err != nil {
		return kind, err
	}
	err := a.f.Close()
	a.f = nil
	if kind == RenameGzip && a.rotated > 1 {
		if prev := fmt.Sprintf("%s.%d", a.Path, a.rotated-1); fileExists(prev) {
			err = errors.Join(err, gzipFile(prev, a.rotated%2 == 0))
		}
	}
	if a.Keep > 0 {
		old := fmt.Sprintf("%s.%d", a.Path, a.rotated-a.Keep)
		_ = os.Remove(old)
		_ = os.Remove(old + ".gz")
	}
	return kind, err
}

// Close closes the log.
func (a *App) Close() error {
	if a.f == nil {
		return nil
	}
	return a.f.Close()
}

// Run writes rate lines a second in small bursts until ctx ends, rotating at random about every
// rotateEvery.
func (a *App) Run(ctx context.Context, rate int, rotateEvery time.Duration) error {
	const step = 20 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	due := 0.0
	nextRotation := time.Now().Add(rotateEvery)
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			due += float64(rate) * step.Seconds()
			if n := int(due); n > 0 {
				due -= float64(n)
				if err := a.Write(n); err != nil {
					return err
				}
			}
			if rotateEvery > 0 && now.After(nextRotation) {
				if _, err := a.Rotate(); err != nil {
					return err
				}
				nextRotation = now.Add(
					time.Duration((0.5 + a.Rand.Float64()) * float64(rotateEvery)),
				)
			}
		}
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// gzipFile does what gzip(1) does: the compressed file appears beside the plain one, which is then
// removed. Libraries that compress logs seldom keep the file's time, as gzip does.
func gzipFile(path string, keepTime bool) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	dst, err := os.Create(path + ".gz")
	if err != nil {
		return err
	}
	zw := gzip.NewWriter(dst)
	zw.Name = filepath.Base(path)
	_, err = zw.Write(data)
	if err = errors.Join(err, zw.Close(), dst.Close()); err != nil {
		return err
	}
	if keepTime {
		if err := os.Chtimes(path+".gz", fi.ModTime(), fi.ModTime()); err != nil {
			return err
		}
	}
	return os.Remove(path)
}
