package tail

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/inputs"
)

func (r *rig) ino(name string) uint64 {
	r.t.Helper()
	fi, err := statPath(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	return fi.id.ino
}

// takeOver stores what is made of foreign positions, and returns their fates by path.
func (r *rig) takeOver(all ...Foreign) map[string]Fate {
	r.t.Helper()
	for i := range all {
		if all[i].Path != "" {
			all[i].Path = r.path(all[i].Path)
		}
	}
	made, taken := r.cfg.TakeOver(all, r.sink.Positions(), time.Now())
	if err := inputsAppend(r, made); err != nil {
		r.t.Fatal(err)
	}
	fates := map[string]Fate{}
	for _, f := range taken {
		fates[strings.TrimPrefix(f.Path, r.dir+"/")] = f.Fate
	}
	return fates
}

func inputsAppend(r *rig, made []inputs.Position) error {
	if len(made) == 0 {
		return nil
	}
	return r.sink.Append(r.t.Context(), nil, made, nil)
}

func (r *rig) fates(got, want map[string]Fate) {
	r.t.Helper()
	if !maps.Equal(got, want) {
		r.t.Errorf("got %v, want %v", got, want)
	}
}

// What another program has read is not read again, whatever rotation did meanwhile; half a line is
// read whole; what it did not know is read from its beginning.
func TestTakeOver_GoesOnWhereAnotherProgramStopped(t *testing.T) {
	r := newRig(t, func(c *Config) { c.StartAt = "end" })
	r.cfg.Paths = []string{r.path("*.log")}
	r.write("app.log", "1\n2\n")
	r.write("half.log", "h1\nh2")
	r.write("short.log", "anew\n")
	app, half := r.ino("app.log"), r.ino("half.log")
	r.rename("app.log", "app.log.1") // out of the reach of the globs
	r.write("app.log", "4\n")
	f, err := os.OpenFile(r.path("app.log.1"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = io.WriteString(f, "3\n")
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	r.write("half.log", " whole\n")
	r.write("new.log", "n\n")
	got := r.takeOver(
		Foreign{Path: "app.log", Ino: app, Off: 4},
		Foreign{Path: "half.log", Ino: half, Off: 5},
		Foreign{Path: "short.log", Ino: r.ino("short.log"), Off: 1000},
		Foreign{Path: "deleted.log", Ino: 1 << 50, Off: 1000},
		Foreign{Path: "other/x.txt", Ino: 1 << 51, Off: 1},
	)
	r.fates(got, map[string]Fate{
		"app.log.1": TakenOver, "half.log": TakenOver, "short.log": Shorter, "deleted.log": Gone,
		"app.log": Unread, "new.log": Unread,
	})
	r.start()
	r.wantsSet("3", "4", "h2 whole", "anew", "n")
	all := r.sink.Values()
	if slices.Index(all, "3") > slices.Index(all, "4") {
		t.Error("the rotated file comes late:", all)
	}
	r.wantsNoMore(quiet, all...)
}

// A program that tells files by what they begin with has them found by that, under any name; where
// several begin alike, nothing is guessed.
func TestTakeOver_ByContent(t *testing.T) {
	r := newRig(t, nil)
	r.write("a.log", "a\nb\n")
	r.write("same1.log", "same\n")
	r.write("same2.log", "same\n")
	begins := func(want string) func(io.ReaderAt, int64) (bool, error) {
		return func(r io.ReaderAt, size int64) (bool, error) {
			b, err := io.ReadAll(io.NewSectionReader(r, 0, size))
			return strings.HasPrefix(string(b), want), err
		}
	}
	made, taken := r.cfg.TakeOver([]Foreign{
		{Off: 2, Holds: begins("a\n")}, {Off: 5, Holds: begins("same\n")}, {Off: 3, Holds: begins("x")},
	}, nil, time.Now())
	if len(made) != 2 || taken[0].Fate != TakenOver || taken[1].Fate != Unusable ||
		!strings.Contains(taken[1].Err.Error(), "both begin like") {
		t.Fatalf("%v %+v", made, taken)
	}
	if slices.ContainsFunc(taken, func(f Taken) bool { return f.Index == 2 }) {
		t.Error("what is nowhere has a fate")
	}
}

// What this agent has read itself counts, however often positions are taken over.
func TestTakeOver_KeepsWhatTheInputKnows(t *testing.T) {
	r := newRig(t, nil)
	r.write("a.log", "1\n2\n")
	r.start()
	r.wants("1", "2")
	r.halt()
	r.write("a.log", "3\n")
	r.fates(
		r.takeOver(Foreign{Path: "a.log", Ino: r.ino("a.log"), Off: 2}), map[string]Fate{"a.log": Kept},
	)
	r.start()
	r.wants("1", "2", "3")
	r.wantsNoMore(quiet, "1", "2", "3")
}

// The inode of a file that is gone may be that of another by now, which the program has read from
// its own position, or does not know.
func TestTakeOver_InodesThatAreUsedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		file  string
		all   []Foreign // of that file's inode
		fates map[string]Fate
		want  []string
	}{
		"known by its own position": {
			"b.log",
			[]Foreign{{Path: "old.log", Off: 6}, {Path: "b.log", Off: 2}},
			map[string]Fate{"old.log": Gone, "b.log": TakenOver},
			[]string{"2", "3", "4"},
		},
		"rotated to where another was": {
			"app.log.1",
			[]Foreign{{Path: "app.log", Off: 6}, {Path: "app.log.1", Off: 2}},
			map[string]Fate{"app.log.1": TakenOver},
			[]string{"2", "3", "4"},
		},
		"without a path": {
			"b.log",
			[]Foreign{{Off: 6}, {Path: "b.log", Off: 2}},
			map[string]Fate{"b.log": TakenOver},
			[]string{"2", "3", "4"},
		},
		"unknown": {
			"new.log",
			[]Foreign{{Path: "old.log", Off: 6}, {Path: "old.txt", Off: 6}},
			map[string]Fate{"old.log": Gone, "new.log": Unread},
			[]string{"1", "2", "3", "4"},
		},
		"unknown, with the name of one in another directory": {
			"y/0.log",
			[]Foreign{{Path: "x/0.log", Off: 6}},
			map[string]Fate{"x/0.log": Gone, "y/0.log": Unread},
			[]string{"1", "2", "3", "4"},
		},
		"rotated": {
			"old/app.log-20240229",
			[]Foreign{{Path: "app.log", Off: 6}},
			map[string]Fate{"old/app.log-20240229": TakenOver},
			[]string{"4"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.cfg.Paths = []string{r.path("*.log*"), r.path("*/*.log*")}
			r.mkdir(filepath.Dir(c.file))
			r.write(c.file, "1\n2\n3\n4\n")
			for i := range c.all {
				c.all[i].Ino = r.ino(c.file)
			}
			r.fates(r.takeOver(c.all...), c.fates)
			r.start()
			r.wants(c.want...)
		})
	}
}

// What a link leads to is known by the link's path, and rotated where it really is.
func TestTakeOver_BehindALink(t *testing.T) {
	r := newRig(t, nil)
	r.cfg.Paths = []string{r.path("containers/*.log")}
	r.mkdir("pods")
	r.mkdir("containers")
	r.link("../pods/0.log", "containers/x.log")
	r.write("pods/0.log", "1\n2\n")
	rotated := r.ino("pods/0.log")
	r.rename("pods/0.log", "pods/0.log.20261128-010101")
	r.write("pods/0.log", "3\n4\n")
	r.fates(
		r.takeOver(
			Foreign{Path: "containers/x.log", Ino: rotated, Off: 2},
			Foreign{Path: "containers/x.log", Ino: r.ino("pods/0.log"), Off: 2},
		),
		map[string]Fate{"pods/0.log.20261128-010101": TakenOver, "containers/x.log": TakenOver},
	)
	r.start()
	r.wants("2", "4")
}

// A position that tells no path is found beside the files of the globs, too, if what has been
// renamed is called like one of them and more.
func TestTakeOver_FindsRenamedFilesOfPositionsWithoutPaths(t *testing.T) {
	r := newRig(t, func(c *Config) { c.RotateWait = time.Minute })
	r.cfg.Paths = []string{r.path("*.log")}
	r.write("a.log", "a1\n")
	r.write("b.log", "b1\n")
	r.write("c.txt", "c1\n")
	a, c := r.ino("a.log"), r.ino("c.txt")
	r.rename("a.log", "a.log.1")
	r.rename("b.log", "b.log-20240229")
	for name, text := range map[string]string{
		"a.log.1": "a2\n", "b.log-20240229": "b2\n", "a.log": "a3\n",
	} {
		f, err := os.OpenFile(r.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = io.WriteString(f, text)
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	r.fates(
		r.takeOver(
			Foreign{Ino: a, Off: 3},
			Foreign{Ino: c, Off: 3},
			Foreign{Off: 3, Holds: func(r io.ReaderAt, size int64) (bool, error) {
				var head [3]byte
				_, err := r.ReadAt(head[:], 0)
				return string(head[:]) == "b1\n", err
			}},
		),
		map[string]Fate{"a.log.1": TakenOver, "b.log-20240229": TakenOver, "a.log": Unread},
	)
	r.start()
	r.wantsSet("a2", "a3", "b2")
}
