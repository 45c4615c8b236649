package tail

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/inputs/join"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestGlobsFindFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a.log", "b.txt", "x/c.log", "x/y/d.log", "x/y/e.log.gz", "x/skip/f.log", "z/g.log", "we[ird].log"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("..", filepath.Join(dir, "x/loop")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		paths, exclude string
		want           []string
	}{
		{"*.log", "", []string{"a.log", "we[ird].log"}},
		{"**/*.log", "", []string{"a.log", "we[ird].log", "x/c.log", "x/skip/f.log", "x/y/d.log", "z/g.log"}},
		{"**/*.log", "**/skip/**", []string{"a.log", "we[ird].log", "x/c.log", "x/y/d.log", "z/g.log"}},
		{"x/**", "", []string{"x/c.log", "x/skip/f.log", "x/y/d.log", "x/y/e.log.gz"}},
		{"{x/y,z}/*.log", "", []string{"x/y/d.log", "z/g.log"}},
		{"x/**/*.log{,.gz}", "", []string{"x/c.log", "x/skip/f.log", "x/y/d.log", "x/y/e.log.gz"}},
		{"*/[c-g].log", "", []string{"x/c.log", "z/g.log"}},
		{`we\[ird\].log`, "", []string{"we[ird].log"}},
		{"none/*.log", "", nil},
	} {
		cfg := Default()
		cfg.Paths = []string{dir + "/" + c.paths}
		if c.exclude != "" {
			cfg.Exclude = []string{dir + "/" + c.exclude}
		}
		if err := cfg.Validate(); err != nil {
			t.Error(err)
		}
		g := newGlobs(&cfg)
		var got []string
		for p := range g.walk().paths {
			rel, _ := filepath.Rel(dir, p)
			if fi, err := os.Stat(p); err != nil || fi.IsDir() {
				continue // a link to a directory, which is not read
			}
			got = append(got, rel)
			if !g.match(p) {
				t.Errorf("%s: finds %s, but does not match it", c.paths, rel)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s without %q: %q, want %q", c.paths, c.exclude, got, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Paths = []string{"relative/*.log", "/a/[", ""}
	c.StartAt, c.LongLines, c.MaxLineSize = "middle", "drop", 1
	c.Tag = mustTemplate(t, "${nothing}")
	c.Multiline = &Multiline{Patterns: join.Patterns{Start: "(", Continue: "x"}}
	err := c.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`paths: "relative`, `paths: "/a/["`, "paths: must not", "start_at: ", "long_lines: ", "max_line_size: ", "tag: ${nothing}: unknown name", "multiline.start: ", "multiline.timeout: "} {
		if !strings.Contains("\n"+err.Error(), "\n"+want) {
			t.Errorf("nothing begins with %q in\n%v", want, err)
		}
	}
	c = Default()
	c.Paths = []string{"/a"}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestStartAtEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.StartAt = "end" })
	r.write("a.log", "1\n2\nha")
	if err := os.WriteFile(r.path("old.log.gz"), gz([]byte("x\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.eventually("started", func() bool { return len(r.sink.Positions()) >= 2 })
	r.write("a.log", "lf\n3\n")
	r.wants("half", "3")
	r.write("b.log", "later\n")
	r.wants("half", "3", "later")
	r.halt()
	r.write("c.log", "while down\n")
	r.write("a.log", "4\n")
	r.start()
	r.wantsSet("half", "3", "later", "while down", "4")
	r.wantsNoMore(quiet, r.sink.Values()...)
}

func TestFirstStartOnlyOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.StartAt = "end" })
	r.start()
	r.eventually("marked", func() bool { return len(r.sink.Positions()) == 1 })
	r.halt()
	r.write("a.log", "1\n")
	r.start()
	r.wants("1")
}

func TestWarningsOfPaths(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	if err := os.Symlink("loop.log", r.path("loop.log")); err != nil {
		t.Fatal(err)
	}
	if err := r.cfg.Warnings(); err != nil {
		t.Errorf("a glob whose directory can be read: %v", err)
	}
	alone := Config{
		Paths: []string{r.path("loop.log"), r.path("loop.log/*.log"), r.path("not-there/*.log")},
	}
	if err := alone.Warnings(); err == nil || strings.Count(err.Error(), "paths: ") != 2 {
		t.Errorf("warnings: %v", err)
	}
}

func TestVanishingDirectory(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Paths = nil })
	r.cfg.Paths = []string{r.path("d/**/*.log")}
	r.start()
	for i, want := range [][]string{{"0"}, {"0", "1"}} {
		if err := os.MkdirAll(r.path("d/e"), 0o755); err != nil {
			t.Fatal(err)
		}
		r.write("d/e/a.log", fmt.Sprintf("%d\n", i))
		r.wants(want...)
		if err := os.RemoveAll(r.path("d")); err != nil {
			t.Fatal(err)
		}
		r.eventually("forgotten", func() bool { return len(r.tail.Status()) == 0 })
	}
}

// A directory is looked into at once although its name is like that of a file to read.
func TestDirectoriesThatGlobsForFilesMatch(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.RescanInterval = time.Hour })
	r.cfg.Paths = []string{r.path("*"), r.path("*/*.log")}
	r.start()
	r.eventually("everything is looked at", func() bool {
		_, looked := r.tail.Following()
		return looked
	})
	r.mkdir("app")
	r.write("app/a.log", "1\n")
	r.wants("1")
	r.write("app/a.log", "2\n")
	r.wants("1", "2")
	if err := os.RemoveAll(r.path("app")); err != nil {
		t.Fatal(err)
	}
	r.eventually("it is gone", func() bool { return len(r.tail.Status()) == 0 })
	r.mkdir("app")
	r.write("app/a.log", "3\n")
	r.wants("1", "2", "3")
	r.write("app/a.log", "4\n")
	r.wants("1", "2", "3", "4")
}

// Without inotify the files are polled: because it was asked for, because no watch is left, because
// no instance is. It is said once, and shown.
func TestPolling(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		how     string
		polling float64
		advice  string
		change  func(*Config)
		prepare func(*Tail)
	}{
		{how: "inotify"},
		{how: "asked for", polling: 1, change: func(c *Config) { c.Watch = "poll" }},
		{how: "no watch left", polling: 1, advice: "max_user_watches", prepare: func(tl *Tail) { tl.addWatch = limitedWatch{}.add }},
		{how: "no instance left", polling: 1, advice: "max_user_instances", prepare: func(tl *Tail) {
			tl.newWatch = func() (notifier, error) { return nil, os.NewSyscallError("inotify_init1", syscall.EMFILE) }
		}},
	} {
		t.Run(c.how, func(t *testing.T) {
			r := newRig(t, c.change)
			r.cfg.RescanInterval = time.Hour // what is seen, a notification or a poll has shown
			r.write("a.log", "1\n")
			log := r.capture(c.prepare)
			r.start()
			r.wants("1")
			r.write("a.log", "2\n")
			r.wants("1", "2")
			r.rename("a.log", "a.log.1")
			r.write("a.log", "3\n")
			r.wants("1", "2", "3")
			if n := testutil.ToFloat64(r.tail.counts.polling); n != c.polling {
				t.Errorf("polling gauge is %v", n)
			}
			said := log.Lines("inotify is not to be had")
			switch {
			case c.advice == "" && len(said) != 0:
				t.Errorf("said %q", said)
			case c.advice != "" && (len(said) != 1 || !strings.Contains(said[0], c.advice)):
				t.Errorf("said %q, want one line that tells of %s", said, c.advice)
			}
		})
	}
}

func TestCloseInactive(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.CloseInactive = 50 * time.Millisecond })
	r.write("a.log", "1\n")
	r.start()
	r.wants("1")
	open := func() bool { s := r.tail.Status(); return len(s) > 0 && s[0].Open }
	r.eventually("closed", func() bool { return !open() })
	r.write("a.log", "2\n")
	r.wants("1", "2")
	r.eventually("closed again", func() bool { return !open() })
	r.write("a.log", "3\n")
	r.rename("a.log", "gone.1") // closed, unread, and where no glob leads
	r.write("a.log", "4\n")
	r.wants("1", "2", "3", "4")
}

func TestAQuietFileDoesNotWaitForABusyOne(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.block = 4096
	line := strings.Repeat("b", 99) + "\n"
	r.write("busy.log", strings.Repeat(line, 200_000))
	r.start()
	r.eventually("busy", func() bool { return len(r.sink.Batches()) > 5 })
	r.write("quiet.log", "hello\n")
	r.eventually("hello", func() bool { return slices.Contains(r.sink.Values(), "hello") })
	if n := len(r.sink.Values()); n > 199_000 {
		t.Errorf("the quiet file waited for %d lines of the busy one", n)
	}
}

func TestBackPressureBoundsWhatIsRead(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.sink.Block()
	r.write("a.log", strings.Repeat(strings.Repeat("x", 999)+"\n", 50_000))
	r.start()
	r.eventually("read", func() bool { s := r.tail.Status(); return len(s) == 1 && s[0].Size > 0 })
	r.wantsNoMore(200 * time.Millisecond)
	if s := r.tail.Status()[0]; s.Offset != 0 || s.Lag != 50_000_000 {
		t.Errorf("%+v", s)
	}
	r.sink.Unblock()
	r.eventually("all", func() bool { return len(r.sink.Values()) == 50_000 })
	r.eventually("no lag", func() bool { return r.tail.Status()[0].Lag == 0 })
}

func TestPacksBeforeAppend(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.write("a.log", "1\n")
	r.start()
	r.wants("1")
	if r.sink.Packed() != 1 {
		t.Errorf("packed %d batches", r.sink.Packed())
	}
}

func TestForgetsWhatIsGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.ForgetAfter = time.Second })
	r.write("a.log", "1\n")
	r.start()
	r.wants("1")
	r.remove("a.log")
	r.eventually("noted as gone", func() bool {
		for _, v := range r.sink.Positions() {
			if strings.Contains(string(v), `"gone"`) {
				return true
			}
		}
		return false
	})
	r.halt()
	r.eventually("forgotten", func() bool {
		r.start()
		defer r.halt()
		r.eventually("restored", func() bool { return r.tail.Status() != nil })
		r.wantsNoMore(150*time.Millisecond, "1")
		return len(r.sink.Positions()) == 1
	})
}

// limitedWatch fails as the kernel does at its limit.
type limitedWatch struct{}

func (limitedWatch) add(string) error {
	return &fs.PathError{Op: "inotify_add_watch", Err: syscall.ENOSPC}
}
