package drain_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/penstock/penstock/spool"
)

// life is one run of the agent, killed at its nth step: each commit, request to the store and write
// is one. From then on nothing that the process does has any effect.
type life struct {
	mu     sync.Mutex
	n      int
	killAt int  // 0: never
	after  bool // the fatal step still takes effect
	dead   bool
	step   string // the fatal one
	steps  []string
	killed chan struct{}
}

var errKilled = errors.New("killed")

func newLife(killAt int, after bool) *life {
	return &life{killAt: killAt, after: after, killed: make(chan struct{})}
}

// do runs a step's effect unless the process is dead.
func (l *life) do(step string, effect func() error) error {
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		return errKilled
	}
	l.n++
	l.steps = append(l.steps, step)
	fatal := l.n == l.killAt
	if fatal {
		l.dead, l.step = true, step
		close(l.killed)
	}
	l.mu.Unlock()
	if !fatal {
		return effect()
	}
	if l.after {
		_ = effect()
	}
	return errKilled
}

type mortalLog struct {
	*outputtest.LogOwner
	l *life
}

func (m mortalLog) Commit(ctx context.Context, pos int64, note string) error {
	return m.l.do("commit "+note, func() error { return m.LogOwner.Commit(ctx, pos, note) })
}

type mortalStore struct {
	spool.Store
	l *life
}

func (m mortalStore) Put(
	ctx context.Context, key string, r io.ReaderAt, size int64, opts spool.PutOptions,
) error {
	return m.l.do("put "+key, func() error { return m.Store.Put(ctx, key, r, size, opts) })
}

func (m mortalStore) Delete(ctx context.Context, key string) error {
	return m.l.do("delete "+key, func() error { return m.Store.Delete(ctx, key) })
}

func (m mortalStore) Get(
	ctx context.Context, key string,
) (r io.ReadCloser, o spool.Object, err error) {
	err = m.l.do("get "+key, func() error {
		r, o, err = m.Store.Get(ctx, key)
		return err
	})
	return r, o, err
}

func (m mortalStore) List(ctx context.Context, prefix string) iter.Seq2[spool.Object, error] {
	return func(yield func(spool.Object, error) bool) {
		if err := m.l.do("list "+prefix, func() error { return nil }); err != nil {
			yield(spool.Object{}, err)
			return
		}
		m.Store.List(ctx, prefix)(yield)
	}
}

type mortalWriter struct {
	outputs.Writer
	outputs.Prober
	l *life
}

func (m mortalWriter) Write(ctx context.Context, b *record.Batch) error {
	return m.l.do("write", func() error { return m.Writer.Write(ctx, b) })
}

// outage runs the same outage each time: down from the start, back later, and healthy until the log
// ends. The first run is l; when it is killed another takes over until the end. It returns how
// often records were repeated.
func outage(t *testing.T, seed uint64, order string, l *life) (r *rig, repeats int) {
	r = newRig(t, false)
	r.g = newGen(rand.New(rand.NewPCG(seed, 1)))
	r.c.Failover.Order = order
	// so that age ends an object: what is made again would come out otherwise, but for the intent
	r.c.Failover.ObjectSize = 2000
	r.c.Failover.After, r.c.Failover.Recover, r.c.Failover.ObjectAge = 2*time.Second, 3*time.Second, time.Second
	r.dest.SetDown(true)
	run := func(l *life) (context.CancelFunc, chan error) {
		f := newFixture(t, "output.test.a")
		w := mortalWriter{r.dest.Writer(), r.dest, l}
		d, err := drain.NewOutput(
			w, r.c, f.env, drain.Targets{DeadLetter: r.dead, Overflow: mortalStore{r.store, l}},
		)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		errc := make(chan error, 1)
		log := mortalLog{r.log.Owner(), l}
		go func() { errc <- d.Drain(ctx, log) }()
		return cancel, errc
	}
	cancel, errc := run(l)
	go func() {
		for range 80 {
			r.g.fill(r.log, 1, 3, 5)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(7 * time.Second)
		r.dest.SetDown(false)
		time.Sleep(3 * time.Second)
		for range 20 {
			r.g.fill(r.log, 1, 3, 5)
			time.Sleep(200 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		r.log.Seal()
	}()
	for {
		select {
		case err := <-errc:
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			return r, r.check(order == "oldest_first")
		case <-l.killed:
			l = newLife(0, false)
			cancel()
			<-errc
			cancel, errc = run(l)
		case <-time.After(time.Hour):
			t.Fatal("stuck")
		}
	}
}

// TestKilledAtEveryStep kills the agent before and after each step of an outage; in the short form,
// each third one from a random first. Nothing is lost, and order per origin holds. No more is
// repeated than one object, or what was delivered directly and not yet committed.
func TestKilledAtEveryStep(t *testing.T) {
	for _, order := range []string{"oldest_first", "newest_first"} {
		seed := runtest.Seed(t)
		var steps []string
		synctest.Test(t, func(t *testing.T) {
			l := newLife(0, false)
			if _, n := outage(t, seed, order, l); n != 0 {
				t.Fatalf("%d repeats without a kill", n)
			}
			steps = l.steps
		})
		kinds := map[string]int{}
		for _, s := range steps {
			kinds[strings.Fields(s)[0]]++
		}
		t.Logf("%d steps: %v", len(steps), kinds)
		if kinds["put"] < 4 || kinds["delete"] < 4 || kinds["commit"] < 15 {
			t.Fatal("too little happens for the test to mean anything")
		}
		stride := 3
		if runtest.Long() {
			stride = 1
		}
		for k := 1 + int(seed%uint64(stride)); k <= len(steps); k += stride {
			for _, after := range []bool{false, true} {
				ok := t.Run(fmt.Sprintf("%s/%d/%v", order, k, after), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						l := newLife(k, after)
						_, n := outage(t, seed, order, l)
						// Acknowledged records are repeated only where no position or delete could
						// follow at once: those of one object, or what went out directly since the
						// last commit. The first object is the largest: what came during After
						// and ObjectAge, in batches of up to 5 every 100 ms, of which one more
						// may come at the same moment.
						const largest = (20 + 10 + 1) * 5
						limit := 0
						switch {
						case strings.HasPrefix(l.step, "write"),
							strings.HasPrefix(l.step, "delete"),
							l.step == "commit ",
							order == "newest_first":
							limit = largest
						}
						if n > limit {
							t.Fatalf("killed at %q: %d repeats", l.step, n)
						}
					})
				})
				if !ok {
					return
				}
			}
		}
	}
}
