package tail

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// impatient makes the tail wait less long for compressed files that are not complete.
func impatient(tl *Tail) { tl.patience = 300 * time.Millisecond }

// A compressed file once had to be older than a second by its own time, and its whole family waited
// for that, the live file as well.
func TestATimeInTheFutureHoldsNothingUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	then := time.Now().Add(24 * time.Hour)
	if err := os.WriteFile(r.path("app.log.1.gz"), gz([]byte("1\n2\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(r.path("app.log.1.gz"), then, then); err != nil {
		t.Fatal(err)
	}
	r.write("app.log", "3\n")
	r.start()
	r.wants("1", "2", "3")
}

func TestACompressedFileThatIsNeverCompleteHoldsNothingUp(t *testing.T) {
	t.Parallel()
	line := func(i int) string { return fmt.Sprintf("%d %0200d", i, i) }
	t.Run("empty", func(t *testing.T) {
		r := newRig(t, nil)
		log := r.capture(impatient)
		r.write("app.log.1.gz", "")
		r.write("app.log", "3\n")
		r.start()
		r.wants("3")
		if said := log.Lines("is empty", r.path("app.log.1.gz"), "do="); len(said) != 1 {
			t.Errorf("said %q", said)
		}
		if err := os.WriteFile(r.path("app.log.1.gz"), gz([]byte("1\n2\n")), 0o644); err != nil {
			t.Fatal(err)
		}
		r.wants("3", "1", "2")
	})
	for _, known := range []bool{false, true} {
		t.Run(
			fmt.Sprintf("it keeps being written, its content is known: %v", known),
			func(t *testing.T) {
				r := newRig(t, nil)
				log := r.capture(impatient)
				var want []string
				for i := range 100 {
					want = append(want, line(i))
				}
				if known {
					r.write("app.log", strings.Join(want, "\n")+"\n")
					r.start()
					r.wants(want...)
					r.rename("app.log", "elsewhere") // nobody will find it
					r.halt()
				}
				f, err := os.Create(r.path("app.log.1.gz"))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				z := gzip.NewWriter(f)
				add := func(i int) {
					if _, err := fmt.Fprintln(z, line(i)); err != nil {
						t.Error(err)
					}
					if err := z.Flush(); err != nil {
						t.Error(err)
					}
				}
				for i := range 20 {
					add(i)
				}
				stop, stopped := make(chan struct{}), make(chan struct{})
				go func() { // as an application that compresses what it logs
					defer close(stopped)
					tick := time.NewTicker(20 * time.Millisecond)
					defer tick.Stop()
					for i := 20; i < 100; i++ {
						add(i)
						select {
						case <-tick.C:
						case <-stop:
							stop = nil
						}
					}
				}()
				r.write("app.log", "live\n")
				r.start()
				r.eventually("the live line", func() bool {
					v := r.sink.Values()
					return strings.Contains(strings.Join(v, "|"), "live")
				})
				if known {
					r.wants(append(want, "live")...)
				} else {
					r.eventually(
						"lines of the one being written",
						func() bool { return len(r.sink.Values()) >= 21 },
					)
				}
				if said := log.Lines("keeps being written", r.path("app.log.1.gz"), "do="); len(
					said,
				) != 1 {
					t.Errorf("said %q", said)
				}
				if n := testutil.ToFloat64(
					r.tail.counts.errors.WithLabelValues("incomplete"),
				); n != 1 {
					t.Errorf("counted %v", n)
				}
				close(stop)
				<-stopped
				if err := z.Close(); err != nil {
					t.Fatal(err)
				}
				r.wantsSet(append(want, "live")...)
				r.wantsNoMore(quiet, r.sink.Values()...)
			},
		)
	}
}

// What cannot be compared now, because it cannot be opened, is not taken for new.
func TestACompressedFileThatCannotBeOpenedIsNotReadAgain(t *testing.T) {
	r := newRig(t, nil)
	asNobody(t, r.dir)
	r.write("app.log", "1\n2\n")
	r.start()
	r.wants("1", "2")
	r.rename("app.log", "app.log.1")
	r.write("app.log", "3\n")
	r.wants("1", "2", "3")
	// Not settled for a while.
	then := time.Now().Add(time.Hour)
	data := gz(r.read("app.log.1"))
	if err := os.WriteFile(r.path("app.log.1.gz"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(r.path("app.log.1.gz"), then, then); err != nil {
		t.Fatal(err)
	}
	r.eventually("it is found", func() bool { return len(r.tail.Status()) == 3 })
	if err := os.Chmod(r.path("app.log.1.gz"), 0o200); err != nil {
		t.Fatal(err)
	}
	r.remove("app.log.1")
	failures := func() float64 { return testutil.ToFloat64(r.tail.counts.errors.WithLabelValues("permission")) }
	r.eventually("it could not be opened", func() bool { return failures() > 0 })
	if err := os.Chmod(r.path("app.log.1.gz"), 0o644); err != nil {
		t.Fatal(err)
	}
	recognised := func() float64 { return testutil.ToFloat64(r.tail.counts.recognised) }
	r.eventually("it is recognised", func() bool { return recognised() == 1 })
	r.wantsNoMore(quiet, "1", "2", "3")
}

// A file that begins like another one may be a copy being made of it, but not when something else
// is written to it: both are read as they grow.
func TestAFileThatBeginsLikeAnotherIsReadAsItGrows(t *testing.T) {
	t.Parallel()
	for _, same := range []bool{false, true} {
		t.Run(fmt.Sprintf("the same goes to both: %v", same), func(t *testing.T) {
			r := newRig(t, nil)
			r.capture(func(tl *Tail) { tl.patience = 50 * time.Millisecond })
			header := strings.Repeat("#", 2*headSize) + "\n"
			r.write("app.log", header)
			r.start()
			r.eventually("the header", func() bool { return len(r.sink.Values()) == 1 })
			r.write("app.log-1", header) // as a program does that numbers its logs
			ours := func() (n int) {
				for _, rec := range r.sink.Records() {
					if strings.HasPrefix(string(rec.Value), "line") &&
						strings.HasSuffix(rec.Origin, "app.log-1") {
						n++
					}
				}
				return n
			}
			i := 0
			r.eventually("it is read while it grows", func() bool {
				r.write("app.log", fmt.Sprintf("line %08d\n", i))
				if i++; !same {
					r.write("app.log-1", fmt.Sprintf("line of its own %08d\n", i))
				} else {
					r.write("app.log-1", fmt.Sprintf("line %08d\n", i-1))
				}
				got := 0
				for _, v := range r.sink.Values() {
					if strings.HasPrefix(v, "line") {
						got++
					}
				}
				return ours() > 0 || got > i+10
			})
		})
	}
}

// A compressed file beside one whose last line is not complete waits for it, and nothing else does.
func TestAnUnfinishedLineHoldsNothingUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.prepare = impatient
	r.write("app.log", "1\nunfinis")
	if err := os.WriteFile(r.path("app.log.gz"), gz([]byte("0\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	r.write("app.log.1", "before\n")
	r.dated("app.log.1", time.Hour)
	r.start()
	r.eventually("the others", func() bool {
		v := strings.Join(r.sink.Values(), "|")
		return strings.Contains(v, "before") && strings.Contains(v, "1")
	})
	r.write("app.log.7", "another\n") // as somebody puts it there
	r.eventually(
		"the next",
		func() bool { return strings.Contains(strings.Join(r.sink.Values(), "|"), "another") },
	)
	r.write("app.log", "hed\n")
	r.wantsSet("0", "1", "before", "another", "unfinished")
}
