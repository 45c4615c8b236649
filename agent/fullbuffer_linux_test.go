package agent

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/framing"
	"github.com/penstock/penstock/inputs/tail"
	"golang.org/x/sys/unix"
)

// withBuffer is a pipeline of an input, given with its block, whose buffer has these attributes.
func withBuffer(input, block, buffer string) string {
	return fmt.Sprintf(`
%s
output "fake" "x" { name = "x" }
pipeline "p" {
  from = [input.%s.in]
  to   = [output.fake.x]
  buffer {
    compression = "none"
    %s
  }
}`, block, input, buffer)
}

func (r *running) awaitBlocked(t *testing.T) {
	t.Helper()
	runtest.Until(t, "the input waits for the buffer", func() bool {
		return r.States()[0].Inputs[0].Kind == state.WaitingBuffer
	})
}

// Lines of a file that cannot be stored, because there is less space than the floor, hold up
// neither a reload, which may lower it, nor a stop: they are read again.
func TestAFullDiskHoldsUpNeitherReloadNorStop(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		reloads, stops bool
	}{
		{"reload", true, false}, {"stop", false, true}, {"stop during a reload", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, logs, data := newWorld(), t.TempDir(), t.TempDir()
			w.more = Catalogue{InputType("tail", "Tail.", tail.Default, tail.New)}
			block := fmt.Sprintf(`
input "tail" "in" {
  paths = ["%s/*.log"]
  tag   = "app"
}`, logs)
			var disk unix.Statfs_t
			if err := unix.Statfs(data, &disk); err != nil {
				t.Fatal(err)
			}
			size := int64(disk.Blocks) * int64(disk.Bsize)
			full := withBuffer("tail", block, fmt.Sprintf("min_free = %d", size-1))
			roomy := withBuffer("tail", block, "min_free = 0")
			const n = 2000
			writeLog(t, logs, "a.log", strings.Repeat(strings.Repeat("x", 1000)+"\n", n))
			r := startAgent(t, w, data, full)
			r.awaitBlocked(t)
			if c.reloads {
				if err := r.reload(roomy); err != nil {
					t.Fatal(err)
				}
			}
			if c.stops {
				r.stop()
				r.wait()
				if strings.Contains(r.log.String(), "could be closed in time") {
					t.Error("something was not closed")
				}
				startAgent(t, w, data, roomy)
			}
			w.await(t, "all lines are delivered", w.has("x", n))
			if got := len(w.delivered("x")); got != n {
				t.Errorf("%d lines are delivered, want %d", got, n)
			}
		})
	}
}

// unrepeatable takes in records, once, that nobody has any more.
type unrepeatable struct {
	records int
	begun   *atomic.Bool
}

func (u unrepeatable) Run(ctx context.Context, sink inputs.Sink) error {
	if u.begun.Swap(true) {
		<-ctx.Done()
		return nil
	}
	late, end := framing.Stopping(ctx)
	defer end()
	g := framing.NewGather(late, sink, "app", func(error) {})
	for i := range u.records {
		text := fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", 1000))
		if err := g.Add("", time.Now().UnixNano(), text, nil); err != nil {
			return err
		}
	}
	if err := g.Close(); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// While a pipeline is replaced whose buffer is full, its outputs deliver, and so make room for what
// inputs have taken that cannot be read again.
func TestAReloadWithAFullBufferLosesNothing(t *testing.T) {
	t.Parallel()
	const n = 20_000
	w := newWorld()
	w.slow = make(chan struct{})
	u := unrepeatable{n, new(atomic.Bool)}
	w.more = Catalogue{InputType(
		"unrepeatable", "Unrepeatable.", func() emptyConfig { return emptyConfig{} },
		func(emptyConfig, inputs.Env) (unrepeatable, error) { return u, nil },
	)}
	config := func(maxSize string) string {
		return withBuffer(
			"unrepeatable", `input "unrepeatable" "in" {}`, fmt.Sprintf("max_size = %q", maxSize),
		)
	}
	r := startAgent(t, w, t.TempDir(), config("16MiB"))
	r.awaitBlocked(t)
	if err := r.reload(config("32MiB")); err != nil {
		t.Fatal(err)
	}
	close(w.slow)
	w.await(t, "all is delivered", w.has("x", n))
}

// An agent that finds no room for the buffer of a pipeline starts, says so, and opens it once there
// is some.
func TestAnAgentStartsWithoutRoomForABuffer(t *testing.T) {
	t.Parallel()
	data, logs := t.TempDir(), t.TempDir()
	if err := unix.Mount("tmpfs", data, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(data, unix.MNT_DETACH) })
	w := newWorld()
	w.more = Catalogue{InputType("tail", "Tail.", tail.Default, tail.New)}
	block := fmt.Sprintf(`
input "tail" "in" {
  paths = ["%s/*.log"]
  tag   = "app"
}`, logs)
	writeLog(t, logs, "a.log", "one\ntwo\n")
	r := startAgent(t, w, data, withBuffer("tail", block, "min_free = 0"))
	runtest.Until(t, "the pipeline says that there is no room", func() bool {
		s := r.States()[0]
		return s.Kind == state.Failed && strings.Contains(s.Problems[0].Text, "no space left")
	})
	if err := unix.Mount("tmpfs", data, "tmpfs", unix.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	w.await(t, "all lines are delivered", w.has("x", 2))
}
