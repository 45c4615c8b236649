package tail

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

const quiet = 700 * time.Millisecond // longer than every grace time in these tests

var globsForRotation = []string{"app.log", "app.log*"}

// eachGlob runs f with the rotated files among those to read, and not.
func eachGlob(t *testing.T, f func(t *testing.T, r *rig)) {
	for _, glob := range globsForRotation {
		t.Run(glob, func(t *testing.T) {
			r := newRig(t, nil)
			r.cfg.Paths = []string{r.path(glob)}
			f(t, r)
		})
	}
}

func TestRotateWithHalfLine(t *testing.T) {
	t.Parallel()
	eachGlob(t, func(t *testing.T, r *rig) {
		r.write("app.log", "1\n2")
		r.start()
		r.wants("1")
		r.rename("app.log", "app.log.1")
		r.write("app.log", "3\n")
		r.wants("1", "2", "3")
		r.wantsNoMore(quiet, "1", "2", "3")
	})
}

func TestRotateTwiceQuickly(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.write("app.log", "1\n")
	r.start()
	r.wants("1")
	r.write("app.log", "2\n")
	r.rename("app.log", "app.log.1")
	r.write("app.log", "3\n")
	r.rename("app.log.1", "app.log.2")
	r.rename("app.log", "app.log.1")
	r.write("app.log", "4\n")
	r.wantsSet("1", "2", "3", "4")
	r.wantsNoMore(quiet, r.sink.Values()...)
}

// What was rotated, and even compressed, while nobody looked is read in its place, as a part of the
// source that it came from.
func TestRotatedAgainAndAgainWhileDown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		compress []string
		ext      string
	}{
		"plain":                 {},
		"the oldest compressed": {[]string{"app.log.4"}, ".gz"},
		"two compressed":        {[]string{"app.log.4", "app.log.3"}, ".zst"},
		"all compressed":        {[]string{"app.log.4", "app.log.3", "app.log.2", "app.log.1"}, ".gz"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.write("app.log", "1 of a line that makes the file's own head\n")
			r.start()
			r.wants("1 of a line that makes the file's own head")
			r.halt()
			want := []string{"1 of a line that makes the file's own head"}
			for n := 2; n <= 5; n++ {
				for range 20 {
					line := fmt.Sprintf("%d.%d", n, len(want))
					r.write("app.log", line+"\n")
					want = append(want, line)
				}
				for i := n - 2; i > 0; i-- {
					r.rename(fmt.Sprintf("app.log.%d", i), fmt.Sprintf("app.log.%d", i+1))
				}
				r.dated("app.log", time.Duration(5-n)*time.Minute)
				r.rename("app.log", "app.log.1")
			}
			for _, name := range c.compress {
				r.compress(name, c.ext)
			}
			r.write("app.log", "the newest\n")
			want = append(want, "the newest")
			r.start()
			r.wants(want...)
			r.wantsNoMore(quiet, want...)
			r.wantsOneSource("app.log")
		})
	}
}

func TestCopyTruncate(t *testing.T) {
	t.Parallel()
	eachGlob(t, func(t *testing.T, r *rig) {
		r.write("app.log", "1\n2\n")
		r.start()
		r.wants("1", "2")
		r.copyTruncate("app.log", "app.log.1")
		r.write("app.log", "3\n")
		r.wants("1", "2", "3")
		r.wantsNoMore(quiet, "1", "2", "3")
		r.copyTruncate("app.log", "app.log.1")
		r.write(
			"app.log", "4 is longer than what was there before, so that the size does not tell\n",
		)
		want := []string{
			"1",
			"2",
			"3",
			"4 is longer than what was there before, so that the size does not tell",
		}
		r.wants(want...)
		r.halt()
		r.start()
		r.wantsNoMore(quiet, want...)
	})
}

func TestCopyTruncateWhileDown(t *testing.T) {
	t.Parallel()
	eachGlob(t, func(t *testing.T, r *rig) {
		r.write("app.log", "1\n2\n")
		r.start()
		r.wants("1", "2")
		r.halt()
		r.write("app.log", "3\n")
		r.copyTruncate("app.log", "app.log.1")
		r.write("app.log", "4\n")
		r.start()
		r.wants("1", "2", "3", "4")
		r.wantsNoMore(quiet, "1", "2", "3", "4")
		if n := testutil.ToFloat64(r.tail.counts.truncated); n != 1 {
			t.Errorf("%v truncations counted", n)
		}
	})
}

// The truncation is noticed before the copy that was made for it: what is new in the copy still
// comes first.
func TestCopyNoticedAfterTheTruncation(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) {
		c.Watch, c.PollInterval, c.RescanInterval = "poll", 200*time.Millisecond, time.Second
	})
	var want []string
	for n := range 4 {
		r.write("app.log", fmt.Sprintf("%d delivered\n", n))
		want = append(want, fmt.Sprintf("%d delivered", n))
		if n == 0 {
			r.start()
		}
		r.wants(want...)
		r.write("app.log", fmt.Sprintf("%d not read before the copy was made\n", n))
		r.copyTruncate("app.log", fmt.Sprintf("app.log.%d", n+1))
		r.write("app.log", fmt.Sprintf("%d since\n", n))
		want = append(
			want, fmt.Sprintf("%d not read before the copy was made", n),
			fmt.Sprintf("%d since", n),
		)
		r.wants(want...)
	}
	r.wantsNoMore(quiet, want...)
}

func TestTruncatedToZeroAndRewritten(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.write("app.log", "1\n2\n3\n")
	r.start()
	r.wants("1", "2", "3")
	if err := os.Truncate(r.path("app.log"), 0); err != nil {
		t.Fatal(err)
	}
	r.write("app.log", "1\n")
	r.wants("1", "2", "3", "1")
	r.wantsNoMore(quiet, "1", "2", "3", "1")
}

func TestShrinksToALineWithin(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.write("app.log", "1\n2\n3\n")
	r.start()
	r.wants("1", "2", "3")
	if err := os.Truncate(r.path("app.log"), 4); err != nil {
		t.Fatal(err)
	}
	r.wants("1", "2", "3", "1", "2")
}

func TestDeletedFileIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.write("app.log", "1\n")
	r.start()
	r.wants("1")
	r.sink.Block()
	f, err := os.OpenFile(r.path("app.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	_, _ = f.WriteString("2\n")
	r.remove("app.log")
	_, _ = f.WriteString("3\nend")
	r.sink.Unblock()
	r.wants("1", "2", "3", "end")
	r.eventually("closed and forgotten", func() bool { return len(r.tail.Status()) == 0 })
	r.write("app.log", "1\n")
	r.wants("1", "2", "3", "end", "1")
}

func TestDeletedBeforeRead(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.start()
	r.write("first.log", "1\n")
	r.wants("1")
	r.sink.Block()
	r.write("busy.log", "x\n")
	r.write("app.log", "2\n")
	r.eventually("discovered", func() bool { return len(r.tail.Status()) == 3 })
	r.remove("app.log")
	r.sink.Unblock()
	r.wantsSet("1", "x", "2")
}

func TestSymlinkSwap(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.cfg.Paths = []string{r.path("current.log")}
	r.write("a.data", "1\n")
	r.write("b.data", "3\n")
	if err := os.Symlink(r.path("a.data"), r.path("current.log")); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.wants("1")
	r.write("a.data", "2\n")
	if err := os.Symlink(r.path("b.data"), r.path("new")); err != nil {
		t.Fatal(err)
	}
	r.rename("new", "current.log")
	r.wants("1", "2", "3")
	r.write("b.data", "4\n")
	r.wants("1", "2", "3", "4")
	r.halt()
	r.start()
	r.wantsNoMore(quiet, "1", "2", "3", "4")
}

func TestOneFileUnderTwoNames(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.write("a.log", "1\n")
	if err := os.Link(r.path("a.log"), r.path("b.log")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(r.path("a.log"), r.path("c.log")); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.wants("1")
	r.remove("a.log")
	r.write("b.log", "2\n")
	r.wants("1", "2")
	r.wantsNoMore(quiet, "1", "2")
}

// vector#25079, #23076: a reused inode, or two files with the same first lines, silently skips
// data.
func TestVector25079_ReusedInodeAndSameFirstLines(t *testing.T) {
	t.Parallel()
	t.Run("same first lines", func(t *testing.T) {
		r := newRig(t, nil)
		r.write("app1.log", "header\n")
		r.write("app2.log", "header\n")
		r.start()
		r.wants("header", "header")
		r.write("app3.log", "header\n")
		r.write("app-2.log", "header\n")
		r.write("app1.log", "1\n")
		r.write("app2.log", "2\n")
		r.wantsSet("header", "header", "header", "header", "1", "2")
	})
	t.Run("rotated twin", func(t *testing.T) { // named as if it were a copy, but it is none
		r := newRig(t, nil)
		r.write("app.log", "header\n")
		r.start()
		r.wants("header")
		r.write("app.log.1", "header\n")
		r.wants("header", "header")
		r.write("app.log.1", "x\n")
		r.wants("header", "header", "x")
	})
	t.Run("reused inode", func(t *testing.T) {
		// Whether an inode is reused is up to the filesystem; most do so at once.
		r := newRig(t, nil)
		r.write("app.log", "header\n1\n")
		r.start()
		want := []string{"header", "1"}
		r.wants(want...)
		for i := range 10 {
			r.halt()
			before, _ := statPath(r.path("app.log"))
			// The clock of birth times has a coarse tick.
			r.eventually("a new birth time", func() bool {
				r.remove("app.log")
				r.write("app.log", "")
				now, _ := statPath(r.path("app.log"))
				return now.birth != before.birth || now.birth == 0
			})
			text := "header\n"
			want = append(want, "header")
			if i%2 == 1 {
				text, want = "header\n1\n2\n", append(want, "1", "2")
			}
			r.write("app.log", text)
			r.start()
			r.wants(want...)
		}
	})
}

// fluent-bit#2846: the tail offset advances while the output is failing.
func TestFluentBit2846_OffsetStaysUntilDurable(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.write("app.log", "1\n")
	r.start()
	r.wants("1")
	r.sink.Hold()
	r.write("app.log", "2\n")
	r.eventually("appended", func() bool { return r.sink.Pending() > 0 })
	r.write("app.log", "3\n")
	r.eventually("appended", func() bool { return r.sink.Pending() > 1 })
	r.sink.Crash()
	r.fails()
	r.sink.Reopen()
	r.sink.Release()
	r.start()
	r.wants("1", "2", "3")
	r.wantsNoMore(quiet, "1", "2", "3")
}
