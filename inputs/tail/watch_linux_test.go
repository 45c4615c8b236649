package tail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// watching starts a watcher of a new directory.
func watching(t *testing.T, budget time.Duration) (w *watcher, dir string, read *atomic.Int64) {
	t.Helper()
	dir, read = t.TempDir(), new(atomic.Int64)
	w, err := newWatcher(t.Context(), newNotifier, budget, read)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	if err := w.add(dir); err != nil {
		t.Fatal(err)
	}
	return w, dir, read
}

func openFiles(t *testing.T, dir string, n int) (files []*os.File) {
	t.Helper()
	for i := range n {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d.log", i)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		files = append(files, f)
	}
	return files
}

func write(t *testing.T, f *os.File, text string) {
	t.Helper()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// drained takes what creating files has told, until they are written to.
func (w *watcher) drained(t *testing.T, n int) {
	t.Helper()
	seen := map[string]bool{}
	for len(seen) < n {
		for p := range w.next(t).touched {
			seen[p] = true
		}
	}
}

// Writes to many files, at different times within the budget, are one wake-up.
func TestWritesWithinTheBudgetAreOneWakeUp(t *testing.T) {
	t.Parallel()
	const budget = 300 * time.Millisecond
	w, dir, _ := watching(t, budget)
	files := openFiles(t, dir, 20)
	w.drained(t, len(files))
	begun := time.Now()
	for range 10 {
		for _, f := range files {
			write(t, f, "line\n")
		}
	}
	c := w.next(t)
	if took := time.Since(begun); took < budget {
		t.Errorf("told after %v", took)
	}
	if len(c.written) != len(files) || len(c.touched) != 0 || c.missed {
		t.Errorf(
			"%d files written, %d touched, missed: %v", len(c.written), len(c.touched), c.missed,
		)
	}
	select {
	case c := <-w.out:
		t.Errorf("told again: %v", c)
	case <-time.After(2 * gatherFor):
	}
	write(t, files[3], "more\n")
	if c := w.next(t); len(c.written) != 1 {
		t.Errorf("then %d files", len(c.written))
	}
}

// A file that appears, goes or gets another name is not waited for.
func TestTheBudgetEndsWithARename(t *testing.T) {
	t.Parallel()
	w, dir, _ := watching(t, time.Hour)
	f := openFiles(t, dir, 1)[0]
	w.drained(t, 1)
	for i, do := range []func() error{
		func() error { return os.Rename(f.Name(), f.Name()+".1") },
		func() error { return os.WriteFile(f.Name(), nil, 0o644) },
		func() error { return os.Remove(f.Name()) },
		func() error { return os.RemoveAll(dir) },
	} {
		write(t, f, "line\n")
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if c := w.next(t); len(c.touched) == 0 {
			t.Errorf("step %d: nothing touched: %v", i, c)
		}
	}
}

// Where as much comes as fills a batch within less, the wait is that much shorter, down to ten
// milliseconds or the budget. It is never much longer than the budget.
func TestTheBudgetEndsWithAFullBatch(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, c := range []struct {
		budget time.Duration
		read   int64
		want   time.Duration
	}{
		{50 * ms, 0, 65 * ms}, {50 * ms, 1000, 65 * ms}, {50 * ms, blockSize, 65 * ms},
		{50 * ms, 25 * blockSize, 40 * ms}, {50 * ms, 200 * blockSize, 10 * ms},
		{5 * ms, 0, 10 * ms}, {5 * ms, 125 * blockSize, 8 * ms}, {5 * ms, 1000 * blockSize, 5 * ms},
		{2 * ms, 0, 4 * ms}, {0, 0, ms}, {0, 5000 * blockSize, ms},
	} {
		if got := (pace{budget: c.budget, read: c.read, during: time.Second}).wait(); got != c.want {
			t.Errorf("%v, after %d bytes in a second: %v, want %v", c.budget, c.read, got, c.want)
		}
	}
	w, dir, read := watching(t, time.Hour)
	f := openFiles(t, dir, 1)[0]
	w.drained(t, 1)
	read.Add(1 << 40)
	write(t, f, "line\n")
	w.next(t)
}

// Directories can be watched under two names, and no more.
func TestWatchesComeAndGo(t *testing.T) {
	t.Parallel()
	w, dir, _ := watching(t, 0)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if err := w.add(link); err != nil {
		t.Fatal(err)
	}
	f := openFiles(t, dir, 1)[0]
	if c := w.next(t); len(c.touched) != 1 {
		t.Errorf("touched %v", c.touched)
	} else if _, ok := c.touched[filepath.Join(link, "0.log")]; !ok {
		t.Errorf("touched %v", c.touched)
	}
	w.remove(dir) // known by the other name
	write(t, f, "line\n")
	if c := w.next(t); len(c.written) != 1 {
		t.Errorf("written %v", c.written)
	}
	w.remove(link)
	write(t, f, "line\n")
	select {
	case c := <-w.out:
		t.Errorf("told of what is not watched: %v", c)
	case <-time.After(5 * gatherFor):
	}
	if err := w.add(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("watching nothing: %v", err)
	}
	if err := w.add(dir); err != nil {
		t.Fatal(err)
	}
	write(t, f, "line\n")
	if c := w.next(t); len(c.written) != 1 {
		t.Errorf("written %v", c.written)
	}
}

// A directory behind a link is watched where the link leads to by now, and one that has two names
// as long as one of them is followed.
func TestWatchesFollowLinks(t *testing.T) {
	t.Parallel()
	w, dir, _ := watching(t, 0)
	w.remove(dir)
	var all watches
	all.begin(w)
	old, young, link := filepath.Join(dir, "1"), filepath.Join(dir, "2"), filepath.Join(dir, "link")
	inOld, inYoung := filepath.Join(old, "log"), filepath.Join(young, "log")
	for _, d := range []string{inOld, inYoung} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	logs := filepath.Join(link, "log")
	follow := func(leadsTo string, dirs ...string) {
		t.Helper()
		err := os.RemoveAll(link)
		if err == nil {
			err = os.Symlink(leadsTo, link)
		}
		followed := map[string]bool{}
		for _, d := range dirs {
			followed[d] = true
		}
		if err == nil {
			err = all.follow(followed, w.add)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	made := 0
	// makes makes a file in a directory, which is told as one in any of those.
	makes := func(in string, toldIn ...string) {
		t.Helper()
		made++
		name := fmt.Sprint(made)
		if err := os.WriteFile(filepath.Join(in, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if len(toldIn) == 0 {
			select {
			case c := <-w.out:
				t.Errorf("told of %v", c.touched)
			case <-time.After(5 * gatherFor):
			}
			return
		}
		c := w.next(t)
		if !slices.ContainsFunc(toldIn, func(d string) bool {
			_, told := c.touched[filepath.Join(d, name)]
			return told
		}) {
			t.Errorf("told of %v, not of %s in %s", c.touched, name, toldIn)
		}
	}
	follow("1", logs)
	makes(inOld, logs)
	follow("2", logs)
	makes(inYoung, logs)
	makes(inOld)
	follow("1", logs, inOld)
	makes(inOld, logs, inOld)
	follow("2", logs, inOld)
	makes(inYoung, logs)
	makes(inOld, inOld)
	follow("2")
	makes(inYoung)
	makes(inOld)
}
