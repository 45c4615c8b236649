package tail

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dsnet/compress/bzip2"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// rig runs a tail over a directory into a sink in memory.
type rig struct {
	t       *testing.T
	dir     string
	sink    *inputstest.MemSink
	cfg     Config
	tail    *Tail
	stop    func() error // cancels Run and returns what it returns
	done    chan error
	block   int // read so much at a time
	prepare func(*Tail)
	into    inputs.Sink // instead of sink, to which it passes on; may be nil
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), sink: inputstest.New(), cfg: Default()}
	r.cfg.Paths = []string{r.path("*.log*")}
	r.cfg.RotateWait = 300 * time.Millisecond
	r.cfg.PollInterval = 20 * time.Millisecond
	r.cfg.RescanInterval = 200 * time.Millisecond
	if change != nil {
		change(&r.cfg)
	}
	t.Cleanup(func() {
		if r.stop != nil {
			r.halt()
		}
	})
	return r
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) start() *rig {
	r.t.Helper()
	env := inputstest.Env("input.tail.app", r.t.TempDir())
	env.Log = slog.New(
		slog.NewTextHandler(runtest.Log(), &slog.HandlerOptions{Level: slog.LevelDebug}),
	)
	tl, err := New(r.cfg, env)
	if err != nil {
		r.t.Fatal(err)
	}
	if r.block > 0 {
		tl.block = r.block
	}
	if r.prepare != nil {
		r.prepare(tl)
	}
	r.tail = tl
	ctx, cancel := context.WithCancel(context.Background())
	errc := make(chan error, 1)
	into := r.into
	if into == nil {
		into = r.sink
	}
	go func() { errc <- tl.Run(ctx, into) }()
	r.done = errc
	r.stop = func() error { cancel(); return <-errc }
	return r
}

// halt stops the tail, which must take it well.
func (r *rig) halt() {
	r.t.Helper()
	if err := r.stop(); err != nil {
		r.t.Errorf("Run: %v", err)
	}
	r.stop = nil
}

// fails waits until Run has failed by itself.
func (r *rig) fails() {
	r.t.Helper()
	select {
	case err := <-r.done:
		if err == nil {
			r.t.Error("Run ended without an error")
		}
		r.stop = nil
	case <-time.After(10 * time.Second):
		r.t.Fatal("Run goes on")
	}
}

func (r *rig) write(name, text string) {
	r.t.Helper()
	f, err := os.OpenFile(r.path(name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	_ = f.Close()
}

func (r *rig) rename(from, to string) {
	r.t.Helper()
	if err := os.Rename(r.path(from), r.path(to)); err != nil {
		r.t.Fatal(err)
	}
}

// dated makes a file look as if it had been written last that long ago, and a while.
func (r *rig) dated(name string, ago time.Duration) {
	r.t.Helper()
	at := time.Now().Add(-time.Minute - ago)
	if err := os.Chtimes(r.path(name), at, at); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) remove(name string) {
	r.t.Helper()
	if err := os.Remove(r.path(name)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) read(name string) []byte {
	r.t.Helper()
	b, err := os.ReadFile(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

// copyTruncate does what logrotate's copytruncate does.
func (r *rig) copyTruncate(from, to string) {
	r.t.Helper()
	if err := os.WriteFile(r.path(to), r.read(from), 0o644); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Truncate(r.path(from), 0); err != nil {
		r.t.Fatal(err)
	}
}

func gz(b []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, _ = w.Write(b)
	_ = w.Close()
	return buf.Bytes()
}

var extensions = []string{".gz", ".zst", ".bz2", ".xz", ".lz4"}

// compressed returns b as the compressor of that extension makes it.
func compressed(t testing.TB, ext string, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	var w io.WriteCloser
	var err error
	switch ext {
	case ".gz":
		w = gzip.NewWriter(&buf)
	case ".zst":
		w, err = zstd.NewWriter(&buf)
	case ".bz2":
		w, err = bzip2.NewWriter(&buf, nil)
	case ".xz":
		w, err = xz.NewWriter(&buf)
	case ".lz4":
		w = lz4.NewWriter(&buf)
	}
	if err == nil {
		_, err = w.Write(b)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// compress replaces a file by its compressed form, as gzip and zstd --rm do.
func (r *rig) compress(name, ext string) {
	r.t.Helper()
	fi, err := os.Stat(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	data := compressed(r.t, ext, r.read(name))
	if err := os.WriteFile(r.path(name+ext), data, 0o644); err != nil {
		r.t.Fatal(err)
	}
	// as gzip and zstd do
	if err := os.Chtimes(r.path(name+ext), fi.ModTime(), fi.ModTime()); err != nil {
		r.t.Fatal(err)
	}
	r.remove(name)
}

// wants waits until exactly these values have arrived, in this order.
func (r *rig) wants(want ...string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r.sink.Wait(ctx, func(rec []inputstest.Record) bool { return len(rec) >= len(want) })
	if got := r.sink.Values(); !slices.Equal(got, want) {
		r.t.Fatalf("got  %s\nwant %s\n%s", shorten(got), shorten(want), r.state())
	}
}

// wantsNoMore checks, after everything has had its time, that nothing was added to what wants saw.
func (r *rig) wantsNoMore(during time.Duration, want ...string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), during)
	defer cancel()
	r.sink.Wait(ctx, func(rec []inputstest.Record) bool { return len(rec) > len(want) })
	if got := r.sink.Values(); !slices.Equal(got, want) {
		if len(got) > len(want) && slices.Equal(got[:len(want)], want) {
			r.t.Fatalf("unexpected: %s\n%s", shorten(got[len(want):]), r.state())
		}
		r.t.Fatalf("got  %s\nwant %s", shorten(got), shorten(want))
	}
}

// wantsSet waits until these values have arrived, in any order.
func (r *rig) wantsSet(want ...string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r.sink.Wait(ctx, func(rec []inputstest.Record) bool { return len(rec) >= len(want) })
	got := r.sink.Values()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		r.t.Fatalf("got  %s\nwant %s\n%s", shorten(got), shorten(want), r.state())
	}
}

// wantsOneSource checks that everything has come from the file first seen under name.
func (r *rig) wantsOneSource(name string) {
	r.t.Helper()
	for _, rec := range r.sink.Records() {
		if !strings.HasSuffix(rec.Origin, ":"+r.path(name)) {
			r.t.Errorf("%q has come from %s", rec.Value, rec.Origin)
		}
	}
}

// eventually waits for cond.
func (r *rig) eventually(what string, cond func() bool) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("still not: %s\n%s", what, r.state())
		}
	}
}

func (r *rig) state() string {
	var b strings.Builder
	for _, s := range r.tail.Status() {
		fmt.Fprintf(&b, "%+v\n", s)
	}
	for k, v := range r.sink.Positions() {
		fmt.Fprintf(&b, "%s %s\n", k, v)
	}
	return b.String()
}

func shorten(values []string) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteString(" | ")
		}
		if len(v) > 40 {
			v = fmt.Sprintf("%s...(%d)", v[:32], len(v))
		}
		b.WriteString(v)
	}
	return b.String()
}
