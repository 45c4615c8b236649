package tail

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// world writes logs as applications and rotation do, at random, while the tail is stopped, started
// and crashed.
type world struct {
	*rig
	rng     *rand.Rand
	apps    []*app
	crashed int
	blocked bool // nothing is taken from the tail
	story   []string
}

type app struct {
	name   string
	next   int      // number of the next line
	half   bool     // the live file ends within a line
	gens   []string // rotated files, newest first, by name
	copies bool     // rotated by copytruncate
	links  bool     // rotated by ln and rm
}

func (w *world) log(format string, args ...any) {
	w.story = append(w.story, fmt.Sprintf(format, args...))
}

// append adds lines, each of which tells its application and number.
func (w *world) append(a *app) {
	var b strings.Builder
	for range 1 + w.rng.IntN(20) {
		if a.half {
			a.half = false
			b.WriteString(" end\n")
			continue
		}
		fmt.Fprintf(&b, "%s %d %s", a.name, a.next, strings.Repeat("x", w.rng.IntN(50)))
		a.next++
		if a.half = w.rng.IntN(10) == 0; !a.half {
			b.WriteString("\n")
		}
	}
	w.write(a.name+".log", b.String())
	w.log("append %s up to %d half %v", a.name, a.next-1, a.half)
}

// shift renames what was rotated before: .1 to .2 and so on.
func (w *world) shift(a *app) {
	for i := len(a.gens) - 1; i >= 0; i-- {
		ext := ""
		for _, e := range []string{".gz", ".zst"} {
			if strings.HasSuffix(a.gens[i], e) {
				ext = e
			}
		}
		to := fmt.Sprintf("%s.log.%d%s", a.name, i+2, ext)
		w.rename(a.gens[i], to)
		a.gens[i] = to
	}
}

func (w *world) rotate(a *app) {
	if _, err := os.Stat(w.path(a.name + ".log")); err != nil {
		return
	}
	w.shift(a)
	to := a.name + ".log.1"
	switch {
	case a.copies:
		w.copyTruncate(a.name+".log", to)
	case a.links:
		if err := os.Link(w.path(a.name+".log"), w.path(to)); err != nil {
			w.t.Fatal(err)
		}
		w.remove(a.name + ".log")
		a.half = false
		w.write(a.name+".log", "")
	default:
		w.rename(a.name+".log", to)
		a.half = false // what is half written stays so
		w.write(a.name+".log", "")
	}
	a.gens = append([]string{to}, a.gens...)
	w.log("rotate %s", a.name)
}

func (w *world) compressOne(a *app) {
	for i, g := range a.gens {
		if i > 0 && !strings.HasSuffix(g, ".gz") && !strings.HasSuffix(g, ".zst") {
			ext := []string{".gz", ".zst"}[w.rng.IntN(2)]
			w.compress(g, ext)
			a.gens[i] += ext
			w.log("compress %s", a.gens[i])
			return
		}
	}
}

func (w *world) deleteOldest(a *app) {
	if n := len(a.gens); n > 3 {
		w.remove(a.gens[n-1])
		w.log("delete %s", a.gens[n-1])
		a.gens = a.gens[:n-1]
	}
}

// settled waits until every complete line is durable.
func (w *world) settled() {
	w.t.Helper()
	w.blocked = false
	w.sink.Unblock()
	w.sink.Release()
	want := 0
	for _, a := range w.apps {
		want += a.next
		if a.half {
			want--
		}
	}
	deadline := time.Now().Add(15 * time.Second)
	w.eventuallyBy(
		deadline, fmt.Sprintf("%d lines", want), func() bool { return w.complete() >= want },
	)
}

// complete counts different lines.
func (w *world) complete() int {
	seen := map[string]bool{}
	for _, v := range w.sink.Values() {
		app, n, _ := parseLine(v)
		seen[app+" "+strconv.Itoa(n)] = true
	}
	return len(seen)
}

func (w *world) eventuallyBy(deadline time.Time, what string, cond func() bool) {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if <-tick.C; time.Now().After(deadline) {
			w.check(false)
			w.t.Fatalf("still not: %s\n%s\n%s", what, w.state(), strings.Join(w.story, "\n"))
		}
	}
}

func parseLine(s string) (app string, n int, ok bool) {
	f := strings.Fields(s)
	if len(f) < 2 {
		return s, -1, false
	}
	n, err := strconv.Atoi(f[1])
	return f[0], n, err == nil
}

// check compares what has arrived with what was written: each line once, in order per source.
func (w *world) check(all bool) {
	w.t.Helper()
	count := map[string]int{}
	last := map[string]int{}
	for _, rec := range w.sink.Records() {
		app, n, ok := parseLine(string(rec.Value))
		if !ok {
			w.t.Errorf("not a line that was written: %q of %s", rec.Value, rec.Origin)
			continue
		}
		count[fmt.Sprintf("%s %d", app, n)]++
		key := rec.Origin + " " + app
		if before, seen := last[key]; seen && n <= before {
			w.t.Errorf("%s: line %d after line %d", key, n, before)
		}
		last[key] = n
	}
	for _, a := range w.apps {
		for n := range a.next {
			c := count[fmt.Sprintf("%s %d", a.name, n)]
			if c > 1 {
				w.t.Errorf("%s %d: %d times", a.name, n, c)
			}
			if c == 0 && (all && !(a.half && n == a.next-1)) {
				w.t.Errorf("%s %d is missing", a.name, n)
			}
		}
	}
	if w.t.Failed() {
		for _, rec := range w.sink.Records() {
			w.t.Logf("%s: %.20s", rec.Origin, rec.Value)
		}
		w.t.Logf("%s\n%s", w.state(), strings.Join(w.story, "\n"))
	}
}

func (w *world) crash() {
	w.sink.Sync(w.rng.IntN(4))
	w.log("crash, %d lost", w.sink.Pending())
	w.blocked = false
	w.sink.Crash()
	err := w.stop()
	w.stop = nil
	_ = err // the crash of its sink, or nothing if all was durable
	w.sink.Reopen()
	w.sink.Release()
	w.crashed++
}

func TestRandomWritersAndRestarts(t *testing.T) {
	t.Parallel()
	histories := runtest.Number(t, "PENSTOCK_HISTORIES", 4)
	for i := range histories {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			randomWorld(t, runtest.Seed(t))
		})
	}
}

func randomWorld(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	w := &world{rng: rng, rig: newRig(t, func(c *Config) {
		// compressed files wait as long to be compared
		c.RotateWait = time.Duration(150+rng.IntN(350)) * time.Millisecond
		c.CloseInactive = time.Duration(20+rng.IntN(200)) * time.Millisecond
		if rng.IntN(3) == 0 {
			c.Watch = "poll"
		}
	})}
	w.block = 64 + rng.IntN(1000)
	w.apps = []*app{
		{name: "ren"},
		{name: "cop", copies: true},
		{name: "two"},
		{name: "lnk", links: true},
	}
	down := true
	for step := range 60 {
		a := w.apps[rng.IntN(len(w.apps))]
		switch op := rng.IntN(20); {
		case op < 9:
			w.append(a)
		case op < 12:
			if a.copies { // what was not read before a truncation cannot be expected
				if down {
					w.start()
					down = false
				}
				if a.half {
					w.write(a.name+".log", " end\n")
					a.half = false
				}
				w.settled()
			}
			w.rotate(a)
		case op < 14:
			w.compressOne(a)
		case op == 14:
			if !down && !slices.ContainsFunc(w.apps, func(a *app) bool { return a.half }) {
				w.settled()
				w.deleteOldest(a)
			}
		case op < 17:
			if down {
				w.log("start")
				w.start()
			} else if rng.IntN(2) == 0 {
				w.log("stop")
				w.blocked = false
				w.sink.Unblock() // a stop waits for what was appended
				w.sink.Release()
				w.halt()
			} else {
				w.crash()
			}
			down = !down
		case op == 17:
			if w.rng.IntN(2) == 0 {
				if !down {
					w.settled() // so that nothing is on its way
				}
				w.sink.Block()
				w.blocked = true
				w.log("block")
			} else {
				w.sink.Hold()
				w.log("hold")
			}
		case op == 18:
			w.sink.Unblock()
			w.blocked = false
			w.sink.Release()
			w.log("release")
		default:
			<-time.After(time.Duration(rng.IntN(100)) * time.Millisecond)
		}
		if step%10 == 9 {
			w.check(false)
			if t.Failed() {
				return
			}
		}
	}
	if down {
		w.start()
	}
	w.settled()
	w.wantsNoMore(400*time.Millisecond, w.sink.Values()...)
	w.halt()
	w.start()
	w.wantsNoMore(400*time.Millisecond, w.sink.Values()...)
	w.check(true)
}
