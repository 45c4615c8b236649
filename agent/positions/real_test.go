package positions

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/inputs/tail"
)

// testdata/real holds what programs have left of one and the same course of things, stopped (TERM)
// and killed (KILL). They followed *.log; half a line ended app.log; b.log was renamed to b.log.1
// and made anew, d.log came, and c.log was deleted. "files" tells the inodes then.
const line = "%s 0000000000000000000000000000000000000000000000000000000000000000" +
	"000000000000000000000000000000000000\n"

// before is what the files held when the program ended, all of it read.
var before = map[string]string{
	"app.log":   fmt.Sprintf(line, "a1") + "a2\nhalf",
	"b.log":     fmt.Sprintf(line, "b3"),
	"b.log.1":   fmt.Sprintf(line, "b1") + "b2\n",
	"d.log":     fmt.Sprintf(line, "d1"),
	"empty.log": "",
}

// Of everything that was written after another program had ended, and of nothing before that, there
// is a record, though files were rotated once more.
func TestReadingGoesOnExactlyWhereRealProgramsStopped(t *testing.T) {
	after := []string{"half whole", "a3", "b-late", "b4", "b5", "e1", "n1"}
	want := map[string][]string{
		"filebeat":   after, // input log
		"filestream": after, // input filestream
		"vector":     after,
		// fluentd forgets a file once it was renamed; what is written to it then is lost there, too
		"fluentd": without(after, "b-late"),
		// promtail knows paths alone: what was renamed is not found again
		"promtail": without(after, "b-late", "b4"),
	}
	state := map[string]string{
		"filebeat": "registry", "filestream": "registry",
		"fluentd": "app.pos", "promtail": "positions.yaml", "vector": "app/checkpoints.json",
	}
	found, err := filepath.Glob("testdata/real/*-*")
	if err != nil || len(found) != 2*len(want) {
		t.Fatal(found, err)
	}
	for _, dir := range found {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			program, _, _ := strings.Cut(filepath.Base(dir), "-")
			tool := program
			if tool == "filestream" {
				tool = "filebeat"
			}
			all, err := Read(tool, []string{filepath.Join(dir, "state", state[program])})
			if err != nil {
				t.Fatal(err)
			}
			logs := t.TempDir()
			again(t, dir, logs, all)
			goesOn(t, logs)
			lines := readsOn(t, logs, all, len(want[program]))
			slices.Sort(lines)
			wanted := slices.Sorted(slices.Values(want[program]))
			if !slices.Equal(lines, wanted) {
				t.Errorf("got %q, want %q; from %q", lines, wanted, told(all))
			}
		})
	}
}

func without(all []string, these ...string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool {
		return slices.Contains(these, s)
	})
}

// again makes the files as they were, and turns the inodes and paths of then into those of now.
func again(t *testing.T, dir, logs string, all []tail.Foreign) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "files"))
	if err != nil {
		t.Fatal(err)
	}
	inode := map[uint64]uint64{}
	for row := range strings.Lines(string(text)) {
		var name string
		var dev, ino uint64
		var size int
		if _, err := fmt.Sscan(row, &name, &dev, &ino, &size); err != nil {
			t.Fatal(err)
		}
		if content, ok := before[name]; !ok || len(content) != size {
			t.Fatalf("%s has %d bytes", name, size)
		}
		path := filepath.Join(logs, name)
		if err := os.WriteFile(path, []byte(before[name]), 0o600); err != nil {
			t.Fatal(err)
		}
		inode[ino] = inodeOf(t, path)
	}
	for i := range all {
		p := &all[i]
		if p.Path != "" {
			p.Path = filepath.Join(logs, strings.TrimPrefix(p.Path, "/tmp/mv/logs/"))
		}
		if p.Dev = 0; p.Ino != 0 {
			now, there := inode[p.Ino]
			if !there {
				now = 1 << 60 // a deleted file's
			}
			p.Ino = now
		}
	}
}

// goesOn does what happens between the program's end and penstock's start.
func goesOn(t *testing.T, logs string) {
	t.Helper()
	add := func(name, text string) { add(t, filepath.Join(logs, name), text) }
	add("app.log", " whole\na3\n")
	add("b.log.1", "b-late\n")
	add("b.log", "b4\n")
	for _, name := range []string{"b.log.1", "b.log"} {
		to := map[string]string{"b.log.1": "b.log.2", "b.log": "b.log.1"}[name]
		if err := os.Rename(filepath.Join(logs, name), filepath.Join(logs, to)); err != nil {
			t.Fatal(err)
		}
	}
	add("b.log", "b5\n")
	add("empty.log", "e1\n")
	add("new.log", "n1\n")
}

func add(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func inodeOf(t *testing.T, path string) uint64 {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fi.Sys().(*syscall.Stat_t).Ino
}

// readsOn returns what an input reads that has taken the positions over: n lines, and those that
// come before an end that is written to each file then.
func readsOn(t *testing.T, logs string, all []tail.Foreign, n int) []string {
	t.Helper()
	cfg := tail.Default()
	cfg.Paths = []string{filepath.Join(logs, "*.log")}
	cfg.PollInterval = 20 * time.Millisecond
	sink := inputstest.New()
	made, _ := cfg.TakeOver(all, nil, time.Now())
	if err := inputs.Append(t.Context(), sink, nil, made); err != nil {
		t.Fatal(err)
	}
	in, err := tail.New(cfg, inputstest.Env("input.tail.app", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, sink) }()
	limit, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	sink.Wait(limit, func(r []inputstest.Record) bool { return len(r) >= n })
	ends, _ := filepath.Glob(cfg.Paths[0])
	for _, path := range ends {
		add(t, path, "end\n")
	}
	sink.Wait(limit, func(r []inputstest.Record) bool { return len(r) >= n+len(ends) })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	var lines []string
	for _, v := range sink.Values() {
		first, _, long := strings.Cut(v, " 0")
		if long {
			v = first
		}
		if v != "end" {
			lines = append(lines, v)
		}
	}
	return lines
}
