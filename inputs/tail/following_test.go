package tail

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/inputs/join"
)

// That nothing matches is known once it was looked for, and not before.
func TestFollowingTellsWhenNothingMatches(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.start()
	r.eventually("it was looked for", func() bool { _, ok := r.tail.Following(); return ok })
	if f, _ := r.tail.Following(); f.Files != 0 {
		t.Errorf("%+v", f)
	}
	if err := os.WriteFile(r.path("a.log"), []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.eventually(
		"the file is followed", func() bool { f, _ := r.tail.Following(); return f.Files == 1 },
	)
	r.wants("1")
	r.halt()
}

// What joining holds until its lines are complete is told, of files, containers and named pipes.
func TestFollowingTellsWhatIsHeld(t *testing.T) {
	t.Parallel()
	byDigit := func(c *Config) {
		c.Multiline = &Multiline{
			Patterns: join.Patterns{Start: `^\d`}, Timeout: time.Hour, MaxLines: 9,
		}
	}
	for name, c := range map[string]struct {
		cfg        func(*Config)
		isPipe     bool
		text, last string
		held       int64
		want       []string
	}{
		"a file": {
			cfg: byDigit, text: "0\n1\n x\n", last: "2\n", held: 1, want: []string{"0", "1\n x"},
		},
		"a pipe": {
			cfg: byDigit, isPipe: true, text: "0\n1\n x\n", last: "2\n", held: 1,
			want: []string{"0", "1\n x"},
		},
		"containers": {
			cfg: func(c *Config) { byDigit(c); c.Container = true },
			text: cri(1, "stdout", "F", "1") + cri(1, "stderr", "F", "2") +
				cri(1, "stderr", "P", "part"),
			last: cri(1, "stdout", "F", "3"), held: 2, want: []string{"1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.cfg)
			say := func(text string) { r.write("in.log", text) }
			if !c.isPipe {
				r.start()
			} else {
				var w *os.File
				r, w = newPipeRig(t, c.cfg)
				say = func(text string) { r.say(w, text) }
			}
			held := func() int64 { f, _ := r.tail.Following(); return f.Held }
			say(c.text)
			r.eventually("it is held", func() bool { return held() == c.held })
			say(c.last)
			r.wants(c.want...)
			r.eventually("what came last is held", func() bool { return held() == c.held })
			r.halt()
		})
	}
}

// A path that cannot be read is told once, not again by the error.
func TestUnreadTellsThePathOnce(t *testing.T) {
	t.Parallel()
	r := &run{}
	at := &fs.PathError{Op: "open", Path: "/a.log", Err: syscall.EACCES}
	for err, want := range map[error]string{
		at:                               syscall.EACCES.Error(),
		fmt.Errorf("look at it: %w", at): "look at it: " + syscall.EACCES.Error(),
		errCompressed:                    errCompressed.Error(),
	} {
		r.cannotRead("/a.log", err, "")
		if why := r.unread["/a.log"].Why; why != want {
			t.Errorf("%q, not %q", why, want)
		}
	}
}

// Files are told with what is not taken of them, those first that have most.
func TestFilesAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for name, text := range map[string]string{"a.log": "1\n", "b.log": "2\nno end", "c.log": "3\nnone"} {
		if err := os.WriteFile(r.path(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	r.wantsSet("1", "2", "3") // files of their own, in any order
	r.eventually("what is behind is known", func() bool { _, behind := r.tail.Files(2); return behind == 2 })
	first, _ := r.tail.Files(2)
	if len(first) != 2 || first[0].Path != r.path("b.log") || first[0].Lag != 6 ||
		first[1].Path != r.path("c.log") || first[1].Lag != 4 || first[0].Changed.IsZero() {
		t.Errorf("%+v", first)
	}
	r.halt()
}
