package tail

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
)

// replace puts a file with the old content and more in the place of the old one, at once.
func (r *rig) replace(name, more string) {
	r.t.Helper()
	old := string(r.read(name))
	r.write(name+".tmp", old+more)
	r.rename(name+".tmp", name)
}

// logstash-input-file#63: a file replaced by a copy that continues it (rsync, editors,
// configuration management) is not read whole again.
func TestLogstashInputFile63_ReplacedByACopyThatGoesOn(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 3000} {
		for _, down := range []bool{false, true} {
			if down && size < headSize {
				continue // while nobody looked, so little proves nothing
			}
			first := strings.Repeat("x", size)
			r := newRig(t, nil)
			r.cfg.Paths = []string{r.path("*.log")}
			r.write("a.log", first+"\n")
			r.start()
			r.wants(first)
			if down {
				r.halt()
			}
			r.replace("a.log", "2\nhalf")
			if down {
				r.start()
			}
			r.wants(first, "2")
			r.replace("a.log", " a line\n4\n") // as rsync does, with what was half a line
			r.wants(first, "2", "half a line", "4")
			r.replace("a.log", "5\n")
			r.wants(first, "2", "half a line", "4", "5")
			r.wantsNoMore(quiet, first, "2", "half a line", "4", "5")
			r.halt()
			r.start()
			r.wantsNoMore(quiet, first, "2", "half a line", "4", "5")
		}
	}
}

// A directory that was restored with cp -a holds the same files under other inodes.
func TestRestoredCopyWhileDown(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.write("a.log", "1\n2\n")
	r.start()
	r.wants("1", "2")
	r.halt()
	r.write("a.log", "3\n")
	content := r.read("a.log")
	r.remove("a.log")
	r.write("other", "takes the inode")
	r.write("a.log", string(content))
	r.dated("a.log", 0)
	r.start()
	r.wants("1", "2", "3")
	r.wantsNoMore(quiet, "1", "2", "3")
}

// heldSink is a sink in which positions without records wait for release.
type heldSink struct {
	*inputstest.MemSink
	asked, release chan struct{}
	once           sync.Once
}

func (s *heldSink) Append(
	ctx context.Context, b *record.Batch, positions []inputs.Position, done func(error),
) error {
	if b == nil {
		s.once.Do(func() { close(s.asked) })
		select {
		case <-s.release:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.MemSink.Append(ctx, b, positions, done)
}

// That a copy goes on with what a file held is stored before anything of it is delivered: after a
// crash in between nobody would know where it was begun.
func TestThatAFileGoesOnIsStoredFirst(t *testing.T) {
	t.Parallel()
	first := strings.Repeat("x", 3000)
	r := newRig(t, nil)
	r.write("a.log", first+"\n")
	r.start()
	r.wants(first)
	r.halt()
	r.write("a.log", "2\n")
	r.copyTruncate("a.log", "a.log.1")
	s := &heldSink{MemSink: r.sink, asked: make(chan struct{}), release: make(chan struct{})}
	r.into = s
	r.start()
	<-s.asked
	r.wantsNoMore(quiet, first)
	close(s.release)
	r.wants(first, "2")
}

// A new log that begins as the one before it did is another one: while that is still there, and
// when it was made after that was gone.
func TestANewLogMayBeginAsTheOldOneDid(t *testing.T) {
	t.Parallel()
	t.Run("renamed", func(t *testing.T) {
		r := newRig(t, nil)
		r.cfg.Paths = []string{r.path("*.log")}
		r.write("a.log", "started\n")
		r.start()
		r.wants("started")
		r.rename("a.log", "a.log.1")
		r.write("a.log", "started\n2\n")
		r.wants("started", "started", "2")
	})
	t.Run("deleted", func(t *testing.T) {
		r := newRig(t, nil)
		r.write("a.log", "started\n")
		r.start()
		r.wants("started")
		r.remove("a.log")
		r.eventually("it is seen to be gone", func() bool {
			s := r.tail.Status()
			_, err := os.Stat(r.path("a.log"))
			return err != nil && len(s) == 1
		})
		// longer than a tick of the file system's clock
		r.wantsNoMore(20*time.Millisecond, "started")
		r.write("a.log", "started\n2\n")
		r.wants("started", "started", "2")
	})
	t.Run("linked and removed", func(t *testing.T) {
		r := newRig(t, nil)
		r.cfg.Paths = []string{r.path("*.log")}
		r.write("a.log", "started\n")
		r.start()
		r.wants("started")
		if err := os.Link(r.path("a.log"), r.path("a.log.1")); err != nil {
			t.Fatal(err)
		}
		r.remove("a.log")
		r.write("a.log", "started\n2\n")
		r.wants("started", "started", "2")
	})
}
