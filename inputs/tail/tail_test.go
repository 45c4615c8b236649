package tail

import (
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

func TestReadAppendResume(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.write("a.log", "1\n2\n")
	r.start()
	r.wants("1", "2")
	r.write("a.log", "3\nhal")
	r.wants("1", "2", "3")
	r.halt()
	r.write("a.log", "f\n5\n")
	r.start()
	r.wants("1", "2", "3", "half", "5")
	rec := r.sink.Records()
	if rec[0].Tag != "app" || rec[0].Origin != "agent-1:"+r.path("a.log") {
		t.Errorf("tag %q, origin %q", rec[0].Tag, rec[0].Origin)
	}
	if d := time.Since(rec[4].When()); d < 0 || d > time.Minute {
		t.Errorf("time %v", rec[4].When())
	}
}

func TestRotateByRename(t *testing.T) {
	t.Parallel()
	for _, glob := range []string{"app.log", "app.log*"} {
		t.Run(glob, func(t *testing.T) {
			r := newRig(t, nil)
			r.cfg.Paths = []string{r.path(glob)}
			r.write("app.log", "1\n2\n")
			r.start()
			r.wants("1", "2")
			r.write("app.log", "3\n")
			r.rename("app.log", "app.log.1")
			r.write("app.log", "4\n")
			r.wants("1", "2", "3", "4")
			r.write("app.log.1", "late\n")
			r.wants("1", "2", "3", "4", "late")
			r.write("app.log", "5\n")
			r.wants("1", "2", "3", "4", "late", "5")
			r.halt()
			r.start()
			r.wantsNoMore(500*time.Millisecond, "1", "2", "3", "4", "late", "5")
			for _, rec := range r.sink.Records() {
				if rec.Origin != "agent-1:"+r.path("app.log") {
					t.Errorf("origin %q of %q", rec.Origin, rec.Value)
				}
			}
		})
	}
}

func TestRotateWhileDown(t *testing.T) {
	t.Parallel()
	for _, glob := range []string{"app.log", "app.log*"} {
		t.Run(glob, func(t *testing.T) {
			r := newRig(t, nil)
			r.cfg.Paths = []string{r.path(glob)}
			r.write("app.log", "1\n2\n")
			r.start()
			r.wants("1", "2")
			r.halt()
			r.write("app.log", "3\n4")
			r.rename("app.log", "app.log.1")
			r.write("app.log", "5\n")
			r.start()
			r.wants("1", "2", "3", "4", "5")
			r.wantsNoMore(500*time.Millisecond, "1", "2", "3", "4", "5")
		})
	}
}

// Where what follows a full batch becomes no record, the position behind it is found again.
func TestResumeBehindWhatBecameNoRecord(t *testing.T) {
	t.Parallel()
	full := strings.Repeat("x", record.TargetSize)
	for _, c := range []struct {
		name, rest string
		change     func(*Config)
	}{
		{"empty lines", "\n\r\n\n", func(c *Config) { c.EmptyLines = "skip" }},
		{"empty lines, with headers", "\n\r\n\n", func(c *Config) {
			c.EmptyLines, c.PathHeader = "skip", "path"
		}},
		{"a long line", strings.Repeat("y", record.TargetSize+1) + "\n", func(c *Config) {
			c.LongLines, c.MaxLineSize = "skip", record.TargetSize
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.change)
			r.block = 3 * record.TargetSize
			r.write("a.log", full+"\n"+c.rest)
			r.start()
			r.wants(full)
			r.halt()
			r.write("a.log", "more\n")
			r.start()
			r.wants(full, "more")
			r.wantsNoMore(quiet, full, "more")
		})
	}
}
