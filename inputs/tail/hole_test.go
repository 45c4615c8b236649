package tail

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// keeper writes as a program does that has not opened its log for appending: where it was.
type keeper struct {
	t *testing.T
	f *os.File
}

func newKeeper(r *rig, name string) *keeper {
	r.t.Helper()
	f, err := os.Create(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = f.Close() })
	return &keeper{r.t, f}
}

func (k *keeper) write(text string) {
	k.t.Helper()
	if _, err := k.f.WriteString(text); err != nil {
		k.t.Fatal(err)
	}
}

func (k *keeper) goTo(off int64) {
	k.t.Helper()
	if _, err := k.f.Seek(off, 0); err != nil {
		k.t.Fatal(err)
	}
}

func (k *keeper) truncate(to int64) {
	k.t.Helper()
	if err := k.f.Truncate(to); err != nil {
		k.t.Fatal(err)
	}
}

// logrotate's copytruncate under a program that does not append (logrotate(8), "copytruncate";
// filebeat and fluent-bit send the NULs): what it goes on to write comes after as many NULs as it
// had written before. They once became records, one for each MiB, and were glued to the first line.
func TestHoleOfACopytruncate(t *testing.T) {
	t.Parallel()
	for _, blind := range []bool{false, true} { // where the file system does not tell of holes
		for _, size := range []int64{6, 5000, 10<<20 + 77, 300<<20 + 1} {
			for _, down := range []bool{false, true} {
				if blind && size > 11<<20 {
					continue // 300 MiB are to be read there
				}
				t.Run(
					fmt.Sprintf("blind %v, %d bytes, down %v", blind, size, down),
					func(t *testing.T) {
						r := newRig(t, func(c *Config) { c.OffsetHeader = "offset" })
						r.cfg.Paths = []string{r.path("app.log")}
						log := r.capture(func(tl *Tail) { tl.blind = blind })
						k := newKeeper(r, "app.log")
						k.write("1\n2\n")
						r.start()
						r.wants("1", "2")
						if down {
							r.halt()
						}
						k.goTo(size)
						k.truncate(0)
						k.write("3\n4\n")
						if down {
							r.start()
						}
						r.wants("1", "2", "3", "4")
						last := r.sink.Records()[2:]
						for i, rec := range last {
							if off := header(rec, "offset"); off != fmt.Sprint(size+int64(2*i)) {
								t.Errorf("%q is at %s, want %d", rec.Value, off, size+int64(2*i))
							}
						}
						if said := log.Lines("a hole in a file is skipped", "do="); len(said) != 1 {
							t.Errorf("said %q", said)
						}
						if n := testutil.ToFloat64(r.tail.counts.holes); n != float64(size) {
							t.Errorf("counted %v", n)
						}
						// The place behind it is kept.
						r.halt()
						k.write("5\n")
						r.start()
						r.wants("1", "2", "3", "4", "5")
						// And once more.
						k.truncate(0)
						k.write("6\n")
						r.wants("1", "2", "3", "4", "5", "6")
						if size == 6 {
							r.wantsNoMore(quiet, "1", "2", "3", "4", "5", "6")
						}
					},
				)
			}
		}
	}
}

func header(r inputstest.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// A kill between a hole and what is behind it repeats nothing and leaves nothing out.
func TestHoleAndACrash(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	k := newKeeper(r, "app.log")
	k.write(strings.Repeat("long enough to be told from others\n", 100))
	r.start()
	var want []string
	for range 100 {
		want = append(want, "long enough to be told from others")
	}
	r.wants(want...)
	r.sink.Hold()
	k.truncate(0)
	k.write("1\n")
	r.eventually("appended", func() bool { return r.sink.Pending() > 0 })
	r.sink.Crash()
	r.fails()
	r.sink.Reopen()
	r.sink.Release()
	r.start()
	want = append(want, "1")
	r.wants(want...)
	k.write("2\n")
	want = append(want, "2")
	r.wants(want...)
	r.wantsNoMore(quiet, want...)
}

// The copy, and the compressed copy, of a file with a hole are what was read.
func TestCopyOfAFileWithAHole(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	k := newKeeper(r, "app.log")
	k.write(strings.Repeat("x", 3000) + "\n")
	r.start()
	want := []string{strings.Repeat("x", 3000)}
	r.wants(want...)
	r.copyTruncate("app.log", "app.log.1")
	k.write("1\n")
	want = append(want, "1")
	r.wants(want...)
	r.rename("app.log.1", "app.log.2")
	r.copyTruncate("app.log", "app.log.1")
	k.write("2\n")
	want = append(want, "2")
	r.wants(want...)
	r.compress("app.log.1", ".gz")
	r.wantsNoMore(2*time.Second, want...)
}

// Disk that is allocated ahead reads as NULs until it is written to.
func TestDiskAllocatedAheadIsNoHole(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	k := newKeeper(r, "app.log")
	k.write("1\n")
	k.truncate(3 << 20)
	r.start()
	r.wants("1")
	k.write("2\n3")
	r.wants("1", "2")
	k.write("3\n")
	r.wants("1", "2", "33")
	r.remove("app.log")
	r.eventually("given up", func() bool { return len(r.tail.Status()) == 0 })
	r.wantsNoMore(0, "1", "2", "33")
	if n := testutil.ToFloat64(r.tail.counts.holes); n != 3<<20-7 {
		t.Errorf("counted %v", n)
	}
}

// A hole in the middle, as a file system leaves it that has lost power, is passed as well; NULs
// that somebody wrote are kept.
func TestHoleInTheMiddle(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	k := newKeeper(r, "a.log")
	k.write("1\n")
	k.goTo(3*4096 + 10)
	k.write("2\n3\n")
	k.goTo(2 << 20)
	k.write("4\n\x00\x005\n6\n")
	r.write("b.log", "\x00\x007\n8\n")
	r.start()
	r.wantsSet("1", "2", "3", "4", "\x00\x005", "6", "\x00\x007", "8")
}

// A file that was truncated may begin with a NUL that is no hole: it is half a character, or ends
// an empty line.
func TestTruncatedFilesThatBeginWithANUL(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Config)
		text   func(string) string // of lines
		empty  int                 // lines before the first
	}{
		"big endian": {
			func(c *Config) { c.Encoding = "utf-16be" },
			func(s string) string { return string(encode16(s, true, false)) }, 0,
		},
		"big endian, an empty line": {
			func(c *Config) { c.Encoding = "utf-16be" },
			func(s string) string { return string(encode16(s, true, false)) }, 1,
		},
		"little endian": {
			func(c *Config) { c.Encoding = "utf-16le" },
			func(s string) string { return string(encode16("\u0100"+s, false, false)) }, 0,
		},
		"line_end": {
			func(c *Config) { c.LineEnd = "nul" },
			func(s string) string { return strings.ReplaceAll(s, "\n", "\x00") }, 2,
		},
		"delimiter": {
			func(c *Config) { c.Delimiter = "\x00--\n" },
			func(s string) string { return strings.ReplaceAll(s, "\n", "\x00--\n") }, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.change)
			r.write("a.log", c.text("one\ntwo\n"))
			r.start()
			r.eventually("read", func() bool { return len(r.sink.Values()) == 2 })
			if err := os.Truncate(r.path("a.log"), 0); err != nil {
				t.Fatal(err)
			}
			r.write("a.log", c.text(strings.Repeat("\n", c.empty)+"three\n"))
			want := append(r.sink.Values(), make([]string, c.empty)...)
			want = append(want, strings.Replace(want[0], "one", "three", 1))
			r.wants(want...)
			if n := testutil.ToFloat64(r.tail.counts.holes); n != 0 {
				t.Errorf("holes of %v bytes", n)
			}
		})
	}
}

// A hole ends where a character begins, which may do so with a NUL.
func TestHoleBeforeBigEndianText(t *testing.T) {
	t.Parallel()
	for _, blind := range []bool{false, true} {
		r := newRig(t, func(c *Config) { c.Encoding = "utf-16be" })
		r.prepare = func(tl *Tail) { tl.blind = blind }
		k := newKeeper(r, "a.log")
		k.write(string(encode16("one\ntwo\n", true, false)))
		r.start()
		r.wants("one", "two")
		k.truncate(0)
		k.write(string(encode16("three\n", true, false)))
		r.wants("one", "two", "three")
		if n := testutil.ToFloat64(r.tail.counts.holes); n != 16 {
			t.Errorf("blind %v: a hole of %v bytes", blind, n)
		}
		r.halt()
	}
}
