package tail

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// What was written to a file since it was truncated is read, wherever the file has gone before
// anybody looked, and although no glob leads there: it has the same identity, under another name or
// none.
func TestTruncatedAndThenRotatedBeforeTheNextLook(t *testing.T) {
	t.Parallel()
	rename := func(r *rig) { r.rename("app.log", "app.log.1") }
	for name, c := range map[string]struct {
		down   bool
		copies bool // the truncation is that of copytruncate
		rotate func(r *rig)
	}{
		"renamed":                       {rotate: rename},
		"renamed, while down":           {rotate: rename, down: true},
		"copied and renamed":            {rotate: rename, copies: true},
		"copied and renamed while down": {rotate: rename, copies: true, down: true},
		"renamed to another directory": {rotate: func(r *rig) {
			r.mkdir("old")
			r.rename("app.log", "old/app.log")
		}},
		"removed": {rotate: func(r *rig) { r.remove("app.log") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *Config) {
				c.Watch, c.PollInterval, c.RescanInterval = "poll", 300*time.Millisecond, 400*time.Millisecond
			})
			r.cfg.Paths = []string{r.path("app.log")}
			text, want := lines(10, 40, 20)
			r.write("app.log", text)
			r.start()
			r.wants(want...)
			if c.down {
				r.halt()
			}
			if c.copies {
				r.write("app.log", "before the copy\n")
				want = append(want, "before the copy")
				r.copyTruncate("app.log", "app.log.2")
			} else if err := os.Truncate(r.path("app.log"), 0); err != nil {
				t.Fatal(err)
			}
			for n := range 3 {
				line := fmt.Sprintf("%d since the truncation", n)
				r.write("app.log", line+"\n")
				want = append(want, line)
			}
			c.rotate(r)
			r.write("app.log", "after the rotation\n")
			want = append(want, "after the rotation")
			if c.down {
				r.start()
			}
			r.wants(want...)
			r.wantsNoMore(quiet, want...)
			r.wantsOneSource("app.log")
			r.halt()
			r.start()
			r.wantsNoMore(quiet, want...)
		})
	}
}

// A program that has written a byte order mark when it opened its log does not write another one
// because that is truncated.
func TestTruncatedBehindAByteOrderMark(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{false, true} {
		for _, big := range []bool{false, true} {
			t.Run(fmt.Sprintf("down %v, big endian %v", down, big), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, func(c *Config) { c.Encoding = "utf-16" })
				r.write("a.log", string(encode16("1\n2\n", big, true)))
				r.start()
				r.wants("1", "2")
				truncate := func(text string) {
					t.Helper()
					if down {
						r.halt()
					}
					if err := os.Truncate(r.path("a.log"), 0); err != nil {
						t.Fatal(err)
					}
					r.write("a.log", text)
					if down {
						r.start()
					}
				}
				truncate(string(encode16("3\n", big, false)))
				r.wants("1", "2", "3")
				r.halt()
				r.write("a.log", string(encode16("4\n", big, false)))
				r.start()
				r.wants("1", "2", "3", "4")
				truncate(string(encode16("5\n", big, false)))
				r.wants("1", "2", "3", "4", "5")
				truncate(string(encode16("6\n", !big, true)))
				r.wants("1", "2", "3", "4", "5", "6")
				truncate(string(encode16("7\n", !big, false)))
				r.wants("1", "2", "3", "4", "5", "6", "7")
			})
		}
	}
}
