package tail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// ackSink is a sink whose outputs have as many records as the test says.
type ackSink struct {
	*inputstest.MemSink

	mu            sync.Mutex
	placed, acked int64
	broken        error
}

func (s *ackSink) Append(
	ctx context.Context, b *record.Batch, positions []inputs.Position, done func(error),
) error {
	err := s.MemSink.Append(ctx, b, positions, done)
	if err == nil && b != nil {
		s.mu.Lock()
		s.placed += int64(b.Len())
		s.mu.Unlock()
	}
	return err
}

func (s *ackSink) Placed(string, string) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.placed, true
}

func (s *ackSink) Acknowledged(pos int64) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return pos <= s.acked, s.broken
}

// ack has outputs have n records.
func (s *ackSink) ack(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acked = n
}

const all = 1 << 40

// newRemovingRig returns a rig whose tail deletes files, unless change says otherwise, and whose
// outputs have nothing yet. Its files look old.
func newRemovingRig(t *testing.T, change func(*Config)) (*rig, *ackSink) {
	t.Helper()
	if _, ok := tryLease(t); !ok {
		t.Skip("this file system has no leases")
	}
	r := newRig(t, func(c *Config) {
		c.AfterRead, c.AfterReadWait = "delete", 50*time.Millisecond
		c.RescanInterval = 50 * time.Millisecond
		if change != nil {
			change(c)
		}
	})
	s := &ackSink{MemSink: r.sink}
	r.into = s
	return r, s
}

// tryLease reports whether leases work where tests write.
func tryLease(t *testing.T) (error, bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lease")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	h, _, err := openHandle(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	err = takeLease(h.fd)
	return err, err == nil
}

func (r *rig) exists(name string) bool {
	r.t.Helper()
	_, err := os.Lstat(r.path(name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	return err == nil
}

func (r *rig) gone(names ...string) {
	r.t.Helper()
	for _, name := range names {
		r.eventually(name+" gone", func() bool { return !r.exists(name) })
	}
}

// keeps waits until a removal was refused for that reason a few times, and checks that the file is
// there.
func (r *rig) keeps(name, reason string) {
	r.t.Helper()
	before := testutil.ToFloat64(r.tail.counts.kept.WithLabelValues(reason))
	r.eventually("kept: "+reason, func() bool {
		return testutil.ToFloat64(r.tail.counts.kept.WithLabelValues(reason)) >= before+2
	})
	if !r.exists(name) {
		r.t.Errorf("%s is gone", name)
	}
}

// awaitHeldUp waits until somebody who wants to write to the file at path is held up by a lease.
func awaitHeldUp(t *testing.T, path string) {
	fi, err := statPath(path)
	if err != nil {
		t.Error(err)
		return
	}
	inode := fmt.Sprintf(":%d ", fi.id.ino)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		locks, err := os.ReadFile("/proc/locks")
		if err != nil {
			t.Error(err)
			return
		}
		for line := range strings.Lines(string(locks)) {
			if strings.Contains(line, "BREAKING") && strings.Contains(line, inode) {
				return
			}
		}
		runtime.Gosched()
	}
	t.Error("nobody is held up")
}

// settles waits for a few looks at all files.
func (r *rig) settles() {
	r.t.Helper()
	r.write("canary.log", "canary\n")
	r.gone("canary.log")
}

func TestFinishedFilesAreDeletedOnceOutputsHaveThem(t *testing.T) {
	t.Parallel()
	r, sink := newRemovingRig(t, nil)
	r.write("a.log", "1\n2\n")
	r.write("half.log", "3\nhalf a line")
	r.write("empty.log", "")
	for _, ext := range extensions {
		if err := os.WriteFile(r.path("old.log"+ext), compressed(t, ext, []byte("z"+ext+"\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	want := []string{"1", "2", "3"}
	for _, ext := range extensions {
		want = append(want, "z"+ext)
	}
	r.wantsSet(want...)
	sink.ack(int64(len(want)) - 1)
	r.eventually("looked at", func() bool { return len(r.tail.Status()) == 3+len(extensions) })
	if !r.exists("a.log") {
		t.Error("a.log is gone before every output has it")
	}
	sink.ack(all)
	r.gone("a.log")
	for _, ext := range extensions {
		r.gone("old.log" + ext)
	}
	r.settles()
	for _, name := range []string{"half.log", "empty.log"} {
		if !r.exists(name) {
			t.Errorf("%s is gone", name)
		}
	}
	r.write("a.log", "5\n") // what comes at the path next is read
	r.write("half.log", " and more\n")
	r.gone("a.log", "half.log")
	r.wantsSet(append(want, "5", "half a line and more", "canary")...)
	if n := testutil.ToFloat64(r.tail.counts.disposed.WithLabelValues("deleted")); n != 9 {
		t.Errorf("%v deleted", n)
	}
	entries, err := os.ReadDir(r.dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

// A program that has the file open, or opens it at any moment, keeps its file, and what it writes
// is read.
func TestNoFileIsRemovedUnderItsWriter(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"delete", "move"} {
		r, sink := newRemovingRig(t, func(c *Config) {
			if c.AfterRead = how; how == "move" {
				c.MoveTo = filepath.Join(t.TempDir(), "done")
			}
		})
		sink.ack(all)
		r.write("a.log", "1\n")
		w, err := os.OpenFile(r.path("a.log"), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		r.start()
		r.keeps("a.log", "writer")
		if _, err := w.WriteString("2\n"); err != nil {
			t.Fatal(err)
		}
		r.wants("1", "2")
		r.keeps("a.log", "writer")
		_ = w.Close()
		r.gone("a.log")
		r.halt()
	}
}

func TestWhatIsWrittenAtTheLastMomentIsNotLost(t *testing.T) {
	t.Parallel()
	for step, name := range map[removalStep]string{
		aboutToLease: "before the lease", underLease: "under the lease", aboutToDelete: "renamed",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// It is closed by then: what is written to it once it is gone would be lost.
			r, sink := newRemovingRig(t, func(c *Config) { c.CloseInactive = 10 * time.Millisecond })
			sink.ack(all)
			var once sync.Once
			wrote := make(chan error, 1)
			r.prepare = func(tl *Tail) {
				tl.removing = func(at removalStep) {
					if at != step {
						return
					}
					once.Do(func() {
						path := r.path("a.log")
						if step == aboutToDelete {
							path = hiddenName(path) // as who has opened it a moment before
						}
						opened := make(chan struct{})
						go func() {
							// It waits for the lease.
							w, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
							close(opened)
							if err == nil {
								_, err = w.WriteString("late\n")
								err = errors.Join(err, w.Close())
							}
							wrote <- err
						}()
						if step == aboutToLease {
							<-opened
							return
						}
						awaitHeldUp(t, path)
					})
				}
			}
			r.write("a.log", "1\n")
			r.start()
			if err := <-wrote; err != nil {
				t.Fatal(err)
			}
			r.wants("1", "late")
			r.gone("a.log")
			r.wantsNoMore(100*time.Millisecond, "1", "late")
		})
	}
}

// A file that takes the name of another in the middle of its removal is not taken for it.
func TestAnotherFileOfTheNameIsNotRemoved(t *testing.T) {
	t.Parallel()
	r, sink := newRemovingRig(t, func(c *Config) { c.CloseInactive = 10 * time.Millisecond })
	sink.ack(all)
	var once sync.Once
	r.prepare = func(tl *Tail) {
		tl.removing = func(at removalStep) {
			if at == underLease {
				once.Do(func() {
					r.write("new", "2\n3\n")
					r.rename("a.log", "b.log")
					r.rename("new", "a.log")
				})
			}
		}
	}
	r.write("a.log", "1\n")
	r.start()
	r.wantsSet("1", "2", "3")
	r.gone("a.log", "b.log")
}

// Killed between what the outputs have said and the deletion, or in the middle of it, the agent
// deletes the file when it runs again, whether paths match the name that it has by then or not.
func TestAKilledRemovalGoesOn(t *testing.T) {
	t.Parallel()
	for _, glob := range []string{"*.log", "*"} {
		r, sink := newRemovingRig(t, func(c *Config) { c.Paths[0] = filepath.Join(filepath.Dir(c.Paths[0]), glob) })
		hidden := filepath.Base(hiddenName("a.log"))
		r.write("a.log", "1\n")
		r.dated("a.log", time.Hour)
		r.write("b.log", "2\n")
		r.start()
		r.wantsSet("1", "2")
		r.halt()
		r.rename("a.log", hidden)
		r.start()
		if glob == "*.log" {
			r.gone(hidden)
		}
		if !r.exists("b.log") {
			t.Error("gone before outputs have it")
		}
		sink.ack(all)
		r.gone("b.log", hidden)
		r.wantsSet("1", "2")
		r.halt()
	}
}

func TestFilesAreMovedAndOverwriteNothing(t *testing.T) {
	t.Parallel()
	done := filepath.Join(t.TempDir(), "done")
	r, sink := newRemovingRig(t, func(c *Config) { c.AfterRead, c.MoveTo = "move", done })
	sink.ack(all)
	r.start()
	for _, text := range []string{"1\n", "2\n", "3\n"} {
		r.write("a.log", text)
		r.gone("a.log")
	}
	r.wants("1", "2", "3")
	for name, want := range map[string]string{"a.log": "1\n", "a.log.1": "2\n", "a.log.2": "3\n"} {
		if got, err := os.ReadFile(filepath.Join(done, name)); string(got) != want {
			t.Errorf("%s holds %q, want %q: %v", name, got, want, err)
		}
	}
}

// What is brought again once it was removed is read again, though it is the same, or begins alike.
func TestTheSameFileAgainIsReadAgain(t *testing.T) {
	t.Parallel()
	r, sink := newRemovingRig(t, nil)
	sink.ack(all)
	var want []string
	text := ""
	for i := range 60 {
		want = append(want, fmt.Sprintf("a row of the table that comes again, and this is %03d", i))
		text += want[i] + "\n"
	}
	rows := want
	r.start()
	for i := range 4 {
		if i == 2 {
			r.halt()
			r.start()
		}
		if i > 0 {
			want = append(want, rows...)
		}
		r.write("a.csv.log", text)
		if i == 3 {
			r.write("a.csv.log", "and more\n")
			want = append(want, "and more")
		}
		r.gone("a.csv.log")
		r.wants(want...)
		// A stop before that keeps the position as that of a file which somebody else took away.
		r.eventually("forgotten", func() bool { return len(r.sink.Positions()) == 1 })
	}
}

func TestWhatCannotBeRemovedIsKeptAndSaid(t *testing.T) {
	t.Parallel()
	t.Run("links", func(t *testing.T) {
		r, sink := newRemovingRig(t, nil)
		log := r.capture(nil)
		sink.ack(all)
		r.write("target", "1\n")
		if err := os.Symlink(r.path("target"), r.path("a.log")); err != nil {
			t.Fatal(err)
		}
		r.start()
		r.keeps("a.log", "link")
		if n := len(log.Lines("is kept", "symbolic link", "do=")); n != 1 || !r.exists("target") {
			t.Errorf("said %d times", n)
		}
	})
	t.Run("matches", func(t *testing.T) {
		r, sink := newRemovingRig(t, nil)
		sink.ack(all)
		r.cfg.Paths = []string{r.path("in/*.log*"), r.path("**/b.log.1")}
		r.cfg.AfterRead, r.cfg.MoveTo = "move", r.path("done")
		r.cfg.Exclude = []string{r.path("done/b.log"), r.path("done/x")}
		if err := os.MkdirAll(r.path("done"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(r.path("in"), 0o755); err != nil {
			t.Fatal(err)
		}
		r.write("done/b.log", "there is one\n")
		r.write("in/b.log", "1\n")
		r.start()
		r.keeps("in/b.log", "matches")
	})
	t.Run("damage", func(t *testing.T) {
		r, sink := newRemovingRig(t, nil)
		log := r.capture(nil)
		sink.ack(all)
		sink.broken = errors.New("records did not read back")
		r.write("a.log", "1\n")
		r.start()
		r.wants("1")
		r.eventually("said", func() bool { return len(log.Lines("are kept", "did not read back")) == 1 })
		if !r.exists("a.log") {
			t.Error("gone")
		}
	})
}

func TestAfterReadIsChecked(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		`after_read: must be one of`:            func(c *Config) { c.AfterRead = "remove" },
		`move_to: must name a directory`:        func(c *Config) { c.AfterRead = "move" },
		`move_to: "done" must be an absolute`:   func(c *Config) { c.AfterRead, c.MoveTo = "move", "done" },
		`move_to: needs after_read = "move"`:    func(c *Config) { c.AfterRead, c.MoveTo = "delete", "/x" },
		`move_to: files in /var/log match /var`: func(c *Config) { c.AfterRead, c.MoveTo = "move", "/var/log/" },
		`move_to: files in /data/done match`:    func(c *Config) { c.AfterRead, c.MoveTo = "move", "/data/done" },
		`after_read: what start_at = "end"`:     func(c *Config) { c.AfterRead, c.StartAt = "delete", "end" },
		`after_read: the logs of containers`:    func(c *Config) { c.AfterRead, c.Container = "delete", true },
		`after_read_wait: must be at least`:     func(c *Config) { c.AfterRead, c.AfterReadWait = "delete", 0 },
	} {
		c := Default()
		c.Paths = []string{"/var/log/*.{log,txt}", "/data/**/*.log"}
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	c := Default()
	c.Paths, c.Exclude = []string{"/data/**/*.log"}, []string{"/data/done/**"}
	c.AfterRead, c.MoveTo = "move", "/data/done"
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}
