package tail

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// What cannot be read is tried again in every sweep, said once, and read as soon as it can be.
func TestUnreadableIsRetriedAndSaidOnce(t *testing.T) {
	for name, c := range map[string]struct {
		reason, at string
		known      bool // the file was read before, by an earlier run
		spoil      func(r *rig) error
		mend       func(r *rig) error
	}{
		"a link to itself": {
			reason: "link_loop", at: "a.log",
			spoil: func(r *rig) error { return os.Symlink("a.log", r.path("a.log")) },
			mend: func(r *rig) error {
				return errors.Join(os.Remove(r.path("a.log")), os.WriteFile(r.path("a.log"), []byte("2\n"), 0o644))
			},
		},
		"it can be opened, but not read": {
			reason: "io", at: "a.log",
			spoil: func(r *rig) error { return os.Symlink("/proc/self/mem", r.path("a.log")) },
			mend: func(r *rig) error {
				return errors.Join(os.Remove(r.path("a.log")), os.WriteFile(r.path("a.log"), []byte("2\n"), 0o644))
			},
		},
		"no permission": {
			reason: "permission", at: "a.log",
			spoil: func(r *rig) error { return os.WriteFile(r.path("a.log"), []byte("2\n"), 0o200) },
			mend:  func(r *rig) error { return os.Chmod(r.path("a.log"), 0o644) },
		},
		"no permission any more": {
			reason: "permission", at: "a.log", known: true,
			spoil: func(r *rig) error { r.write("a.log", "2\n"); return os.Chmod(r.path("a.log"), 0o200) },
			mend:  func(r *rig) error { return os.Chmod(r.path("a.log"), 0o644) },
		},
		"no permission to keep a named pipe open": {
			reason: "permission", at: "a.log",
			spoil: func(r *rig) error { return syscall.Mkfifo(r.path("a.log"), 0o400) },
			mend: func(r *rig) error { // it is written once it is read
				return errors.Join(os.Chmod(r.path("a.log"), 0o600), os.WriteFile(r.path("a.log"), []byte("2\n"), 0))
			},
		},
		"no permission for the directory": {
			reason: "permission", at: "d",
			spoil: func(r *rig) error {
				return errors.Join(os.Mkdir(r.path("d"), 0o755), os.WriteFile(r.path("d/a.log"), []byte("2\n"), 0o644), os.Chmod(r.path("d"), 0))
			},
			mend: func(r *rig) error { return os.Chmod(r.path("d"), 0o755) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.RescanInterval = 20 * time.Millisecond })
			switch c.reason {
			case "permission":
				asNobody(t, r.dir)
			case "io":
				if runtime.GOOS != "linux" {
					t.Skip("/proc/self/mem is Linux's")
				}
			}
			r.cfg.Paths = []string{r.path("*.log"), r.path("d/*.log")}
			log := r.capture(nil)
			r.write("ok.log", "0\n")
			want := []string{"0"}
			if c.known {
				r.write("a.log", "1\n")
				r.start()
				r.wantsSet("0", "1")
				r.halt()
				want = r.sink.Values()
			}
			if err := c.spoil(r); err != nil {
				t.Fatal(err)
			}
			r.start()
			failures := func() float64 { return testutil.ToFloat64(r.tail.counts.errors.WithLabelValues(c.reason)) }
			r.eventually("tried again and again", func() bool { return failures() >= 5 })
			r.wants(want...)
			if said := log.Lines(
				"cannot read",
			); len(said) != 1 ||
				!strings.Contains(said[0], "path="+r.path(c.at)+" ") {
				t.Errorf("after %v failures said %q", failures(), said)
			}
			if f, ok := r.tail.Following(); !ok || len(f.Unread) != 1 ||
				f.Unread[0].Path != r.path(c.at) ||
				f.Unread[0].Do == "" {
				t.Errorf("the status says %+v", f)
			}
			if err := c.mend(r); err != nil {
				t.Fatal(err)
			}
			r.wants(append(want, "2")...)
			r.eventually(
				"said that it can be read",
				func() bool { return len(log.Lines("can be read again")) > 0 },
			)
			if f, ok := r.tail.Following(); !ok || len(f.Unread) != 0 || f.Files < 2 {
				t.Errorf("in the end the status says %+v", f)
			}
			r.halt()
			if said := log.Lines("can be read again", "path="+r.path(c.at)); len(said) != 1 {
				t.Errorf("said %q", said)
			}
			if said := log.Lines("cannot read"); len(said) != 1 {
				t.Errorf("in the end said %q", said)
			}
		})
	}
}

// asNobody takes root's power to read everything from the whole process until the end of the test,
// so that no other runs beside it (no t.Parallel). It can write to the test's temporary directories
// nevertheless.
func asNobody(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	const nobody = 65534
	if err := errors.Join(
		os.Chown(filepath.Dir(dir), nobody, -1), os.Chown(dir, nobody, -1), syscall.Seteuid(nobody),
	); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Seteuid(0); err != nil {
			t.Error(err)
		}
	})
}

// capture makes what starts from now on log into the buffer returned, after prepare if that is not
// nil.
func (r *rig) capture(prepare func(*Tail)) *runtest.LogBuffer {
	log := &runtest.LogBuffer{}
	r.prepare = func(tl *Tail) {
		if prepare != nil {
			prepare(tl)
		}
		tl.log = slog.New(slog.NewTextHandler(log, nil))
	}
	return log
}
