package tail

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/inputs/inputstest"
)

// script is a notifier that tells of as many writes as it is given, one for each take, as if they
// came all the time.
type script struct {
	ctx     context.Context
	cancel  context.CancelFunc
	writes  int
	listens int // waits for the first write
	taken   int
}

func (s *script) add(string) error { return nil }
func (s *script) remove(string)    {}
func (s *script) stop()            { s.cancel() }
func (s *script) close()           {}

func (s *script) wait(until time.Time) (more bool, err error) {
	if !until.IsZero() {
		return false, nil
	}
	if s.listens++; s.taken >= s.writes {
		<-s.ctx.Done()
		return false, errors.New("stopped")
	}
	return false, nil
}

func (s *script) take(c *changes) {
	if s.taken++; s.taken <= s.writes {
		c.written["a.log"] = struct{}{}
	}
}

func (w *watcher) next(t *testing.T) changes {
	t.Helper()
	select {
	case c := <-w.out:
		return c
	case <-time.After(20 * time.Second):
		t.Fatal("nothing is told")
		panic("unreachable")
	}
}

// While files are written to all the time nothing listens for the first write: each budget is one
// wake-up and not two.
func TestSteadyWritesAreNotListenedFor(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := &script{ctx: ctx, cancel: cancel, writes: 20}
	var read atomic.Int64
	w, err := newWatcher(ctx, func() (notifier, error) { return s, nil }, time.Hour, &read)
	if err != nil {
		t.Fatal(err)
	}
	for range s.writes {
		if c := w.next(t); len(c.written) != 1 {
			t.Fatalf("told of %v", c)
		}
	}
	w.close()
	// the first one, and once there was none any more
	if s.listens != 2 {
		t.Errorf("listened %d times for %d writes", s.listens, s.writes)
	}
}

// flushes is a sink that is told when nothing more comes for now.
type flushes struct {
	*inputstest.MemSink
	at chan int // records that were there then
}

func (f flushes) Flush() { f.at <- len(f.Records()) }

// together is a notifier that tells of all files at once, when it is asked to.
type together struct {
	script
	tell  chan struct{}
	told  bool
	paths []string
}

func (g *together) wait(until time.Time) (more bool, err error) {
	if !until.IsZero() {
		return false, nil
	}
	select {
	case <-g.tell:
		g.told = true
		return false, nil
	case <-g.ctx.Done():
		return false, errors.New("stopped")
	}
}

func (g *together) take(c *changes) {
	if g.told {
		for _, p := range g.paths {
			c.written[p] = struct{}{}
		}
	}
	g.told = false
}

// What many files have is one group: the sink is told behind the last of them, and not before.
func TestSinkIsToldWhenAllFilesAreRead(t *testing.T) {
	t.Parallel()
	const files = 50
	r := newRig(t, func(c *Config) { c.RescanInterval = time.Hour })
	told := flushes{r.sink, make(chan int, 1000)}
	g := &together{tell: make(chan struct{})}
	g.ctx, g.cancel = context.WithCancel(t.Context())
	r.into = told
	r.prepare = func(tl *Tail) { tl.newWatch = func() (notifier, error) { return g, nil } }
	write := func(line string) {
		for i := range files {
			r.write(fmt.Sprintf("%d.log", i), line)
		}
	}
	write("zero\n")
	for i := range files {
		g.paths = append(g.paths, r.path(fmt.Sprintf("%d.log", i)))
	}
	r.start()
	for n := 0; n < files; { // the manager has found them one by one
		select {
		case n = <-told.at:
		case <-time.After(20 * time.Second):
			t.Fatal("not told of what was found")
		}
	}
	for i := range 10 {
		write("more\n")
		g.tell <- struct{}{}
		select {
		case n := <-told.at:
			if n != (i+2)*files {
				t.Errorf("told with %d of %d records", n, (i+2)*files)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("not told")
		}
	}
}
