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
