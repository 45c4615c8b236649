package file

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/outputtest"
)

type harness struct{ dir string }

func (h harness) path() string { return filepath.Join(h.dir, "sub", "out.log") }

func (h harness) New(t testing.TB, env outputs.Env) any {
	cfg := Default()
	cfg.Path = h.path()
	cfg.Rotate.Size = 2000
	cfg.Rotate.Compress = true
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	o, err := New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (h harness) Received(t testing.TB) (got []outputtest.Received) {
	for _, line := range strings.Split(strings.TrimSuffix(readAll(t, h.path()), "\n"), "\n") {
		got = append(got, outputtest.Received{Record: record.Record{Value: []byte(line)}})
	}
	return got
}

// Break points the link, through which the directory is reached, to nowhere.
func (h harness) Break(t testing.TB) { h.point(t, "/dev/null/nowhere") }

func (h harness) Mend(t testing.TB) { h.point(t, filepath.Join(h.dir, "real")) }

func (h harness) point(t testing.TB, to string) {
	tmp := filepath.Join(h.dir, "link")
	if err := errors.Join(
		os.Symlink(to, tmp), os.Rename(tmp, filepath.Join(h.dir, "sub")),
	); err != nil {
		t.Fatal(err)
	}
}

func (h harness) Keeps() outputtest.Keeps { return outputtest.Keeps{} }

// readAll returns the contents of the file and its predecessors, oldest first.
func readAll(t testing.TB, path string) string {
	t.Helper()
	o := &Output{cfg: Config{Path: path}}
	names, err := o.rotated()
	if err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	for _, name := range append(names, path) {
		p, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil && strings.HasSuffix(name, ".gz") {
			var z *gzip.Reader
			if z, err = gzip.NewReader(bytes.NewReader(p)); err == nil {
				p, err = io.ReadAll(z)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Write(p)
	}
	return s.String()
}

func TestConformance(t *testing.T) {
	outputtest.Run(t, func(t *testing.T) outputtest.Harness {
		h := harness{t.TempDir()}
		if err := os.Mkdir(filepath.Join(h.dir, "real"), 0o750); err != nil {
			t.Fatal(err)
		}
		h.Mend(t)
		return h
	})
}

func open(t *testing.T, cfg Config) *Output {
	t.Helper()
	o, err := New(cfg, outputs.Env{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func write(t *testing.T, o *Output, values ...string) {
	t.Helper()
	var recs []record.Record
	for _, v := range values {
		recs = append(recs, record.Record{Value: []byte(v)})
	}
	if err := o.Write(t.Context(), record.FromRecords("tag", "origin", recs)); err != nil {
		t.Fatal(err)
	}
}

func TestTornLineIsCutOff(t *testing.T) {
	cfg := Default()
	cfg.Path = filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(cfg.Path, []byte("whole\nto"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := open(t, cfg)
	write(t, o, "next")
	o.Close()
	if got := readAll(t, cfg.Path); got != "whole\nnext\n" {
		t.Fatalf("got %q", got)
	}
}

func TestRotatedFilesAreCompressedAndFew(t *testing.T) {
	cfg := Default()
	cfg.Path = filepath.Join(t.TempDir(), "f")
	cfg.Rotate = Rotate{Size: 20, Keep: 3, Compress: true}
	o := open(t, cfg)
	for i := range 30 {
		write(t, o, fmt.Sprintf("line %05d", i))
	}
	o.Close()
	names, err := o.rotated()
	if err != nil || len(names) != 3 {
		t.Fatalf("rotated: %v %v", names, err)
	}
	for _, n := range names {
		if !strings.HasSuffix(n, ".gz") {
			t.Errorf("%s is not compressed", n)
		}
	}
	if got := readAll(t, cfg.Path); !strings.HasSuffix(got, "line 00028\nline 00029\n") {
		t.Fatalf("got %q", got)
	}
}

func TestRotationByAge(t *testing.T) {
	cfg := Default()
	cfg.Path = filepath.Join(t.TempDir(), "f")
	cfg.Rotate = Rotate{Age: time.Hour}
	o := open(t, cfg)
	write(t, o, "old")
	o.begun = o.begun.Add(-2 * time.Hour)
	write(t, o, "new")
	o.Close()
	if p, _ := os.ReadFile(cfg.Path); string(p) != "new\n" {
		t.Fatalf("got %q", p)
	}
	if got := readAll(t, cfg.Path); got != "old\nnew\n" {
		t.Fatalf("got %q", got)
	}
}

// A device takes what is written, but cannot be synced: that would be tried for ever.
func TestADeviceIsNoFile(t *testing.T) {
	cfg := Default()
	cfg.Path = os.DevNull
	o, err := New(cfg, outputs.Env{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Probe(t.Context()); !errors.Is(err, errNoFile) {
		t.Error(err)
	}
}

// logrotate and people move, delete and truncate files.
func TestFileTakenAway(t *testing.T) {
	cfg := Default()
	cfg.Path = filepath.Join(t.TempDir(), "f")
	o := open(t, cfg)
	write(t, o, "one")
	os.Rename(cfg.Path, cfg.Path+".moved")
	write(t, o, "two")
	if p, _ := os.ReadFile(cfg.Path); string(p) != "two\n" {
		t.Fatalf("after a move: %q", p)
	}
	os.Truncate(cfg.Path, 0)
	write(t, o, "three")
	if p, _ := os.ReadFile(cfg.Path); string(p) != "three\n" {
		t.Fatalf("after a truncation: %q", p)
	}
	o.Close()
}

func TestValidate(t *testing.T) {
	cfg := Config{Format: "xml", Rotate: Rotate{Size: -1, Age: -1, Keep: -1}}
	err := cfg.Validate()
	for _, want := range []string{"path: ", "format: ", "rotate.size: ", "rotate.age: ", "rotate.keep: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no error for %s in %v", want, err)
		}
	}
}
