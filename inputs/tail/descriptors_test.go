package tail

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/inputs"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// With few descriptors files are closed between reads, but not one that could not be found again;
// nothing is lost.
func TestFewDescriptors(t *testing.T) {
	const files = 60
	var limit atomic.Int64
	limit.Store(40)
	r := newRig(t, func(c *Config) { c.RotateWait = 3 * time.Second })
	log := r.capture(func(tl *Tail) {
		tl.files = inputs.DescriptorsOf(
			func() int { return int(limit.Load()) }, func(int) int { return 0 },
		)
	})
	var want []string
	var gone []*os.File
	for i := range 20 {
		f, err := os.Create(r.path(fmt.Sprintf("gone%02d.log", i)))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		gone = append(gone, f)
	}
	say := func(what string) {
		t.Helper()
		for i, f := range gone {
			if _, err := fmt.Fprintf(f, "%s %d\n", what, i); err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprint(what, " ", i))
		}
	}
	open := func() (n int) {
		for _, s := range r.tail.Status() {
			if s.Open {
				n++
			}
		}
		return n
	}
	say("there")
	r.start()
	r.wantsSet(want...)
	r.eventually("all are open", func() bool { return open() == len(gone) })
	for i := range gone {
		r.remove(fmt.Sprintf("gone%02d.log", i))
	}
	limit.Store(20)
	r.eventually("too many are open", func() bool { return r.tail.files.Excess() > 0 })
	for _, what := range []string{"nameless", "still nameless"} {
		say(what)
		r.wantsSet(want...)
	}
	name := func(i int) string { return fmt.Sprintf("app%02d.log", i) }
	for i := range files {
		text := fmt.Sprintf("%d a\n", i)
		if i%3 == 0 {
			text += "half" // stays, so that it can be forgotten
		}
		r.write(name(i), text)
		want = append(want, fmt.Sprintf("%d a", i))
	}
	r.wantsSet(want...)
	few := func() bool { return open() <= int(limit.Load())/2 }
	r.eventually("few are open", few)
	for i := range files {
		line := fmt.Sprintf("%d b", i)
		if i%3 == 0 {
			r.write(name(i), " "+line+"\n")
			line = "half " + line
		} else {
			r.write(name(i), line+"\n")
		}
		want = append(want, line)
		r.rename(name(i), fmt.Sprintf("old-app%02d", i)) // where no glob leads
		line = fmt.Sprintf("%d c", i)
		r.write(name(i), line+"\n")
		want = append(want, line)
	}
	r.wantsSet(want...)
	r.eventually("few are open", few)
	if said := log.Lines("more files than may be open", "do="); len(said) != 1 {
		t.Errorf("said %q", said)
	}
}

// A closed file that was renamed is not given up because there is no descriptor to look for it.
func TestNoDescriptorLeftLosesNothing(t *testing.T) {
	r := newRig(t, func(c *Config) { c.CloseInactive = 50 * time.Millisecond })
	log := r.capture(nil)
	r.write("a.log", "1\n")
	f, err := os.OpenFile(r.path("a.log"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r.start()
	r.wants("1")
	r.eventually("closed", func() bool { s := r.tail.Status(); return len(s) > 0 && !s[0].Open })

	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	restore := func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
			t.Error(err)
		}
	}
	defer restore()
	// What is open stays open.
	if err := syscall.Setrlimit(
		syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 1, Max: was.Max},
	); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("2\n"); err != nil {
		t.Fatal(err)
	}
	r.rename("a.log", "gone.1")
	failures := func() float64 { return testutil.ToFloat64(r.tail.counts.errors.WithLabelValues(reasonTooMany)) }
	begin := time.Now()
	r.eventually("it is looked for, longer than it would have to be quiet", func() bool {
		return failures() > 1 && time.Since(begin) > 3*r.cfg.RotateWait
	})
	restore()
	r.wants("1", "2")
	if said := log.Lines("too many open files"); len(said) != 1 {
		t.Errorf("said %q", said)
	}
}
