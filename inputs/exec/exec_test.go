package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/framing"
	"github.com/penstock/penstock/inputs/inputstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func run(
	t *testing.T, want int, change func(*Config), command ...string,
) (values []string, log string, took time.Duration) {
	t.Helper()
	cfg := Default()
	cfg.Command, cfg.RestartWait = command, 10*time.Millisecond
	if change != nil {
		change(&cfg)
	}
	var buf bytes.Buffer
	env := inputstest.Env("input.exec.test", t.TempDir())
	env.Log = slog.New(slog.NewTextHandler(&buf, nil))
	e, err := New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	until, stop := context.WithCancel(ctx)
	sink := inputstest.New()
	ended := make(chan error, 1)
	go func() { ended <- e.Run(until, sink) }()
	if !sink.Wait(ctx, func(rs []inputstest.Record) bool { return len(rs) >= want }) {
		t.Fatalf("got %q", sink.Values())
	}
	begun := time.Now()
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return sink.Values(), buf.String(), time.Since(begun)
}

func TestRestartsWhatEnds(t *testing.T) {
	got, log, _ := run(
		t, 6, func(c *Config) { c.Env = map[string]string{"WORD": "hello"} }, "sh", "-c",
		"echo $WORD; echo two; echo oh no >&2; exit 3",
	)
	if fmt.Sprint(got[:4]) != "[hello two hello two]" ||
		strings.Count(log, "the command failed") != 1 ||
		!strings.Contains(log, "exit status 3: oh no") {
		t.Fatalf("%q, log %s", got, log)
	}
}

func TestCommandIsRunAtEachInterval(t *testing.T) {
	got, log, _ := run(t, 3, func(c *Config) { c.Interval = 20 * time.Millisecond }, "echo", "x")
	if len(got) < 3 || log != "" {
		t.Fatal(got, log)
	}
}

func TestTimeoutEndsARun(t *testing.T) {
	got, log, _ := run(t, 2, func(c *Config) {
		c.Interval, c.Timeout = 10*time.Millisecond, 100*time.Millisecond
	}, "sh", "-c", "echo x; sleep 60")
	if len(got) < 2 || !strings.Contains(log, "timeout after 100ms") {
		t.Fatal(got, log)
	}
}

func TestStopEndsTheWholeGroup(t *testing.T) {
	_, _, took := run(t, 1, nil, "sh", "-c", "sleep 60 & echo x; wait")
	if took > 3*time.Second {
		t.Fatalf("took %v", took)
	}
	_, _, took = run(
		t, 1, func(c *Config) { c.StopTimeout = 100 * time.Millisecond }, "sh", "-c",
		"trap '' TERM; echo x; sleep 60; sleep 60",
	)
	if took > 3*time.Second {
		t.Fatalf("a command deaf to SIGTERM took %v", took)
	}
}

// A command that takes its time to end is heard to its end.
func TestStopTakesTheLastLines(t *testing.T) {
	t.Parallel()
	got, log, _ := run(
		t, 1, func(c *Config) { c.StopTimeout = 15 * time.Second }, "sh", "-c",
		"trap 'sleep 6; echo last; exit' TERM; echo first; while :; do sleep 0.1; done",
	)
	if fmt.Sprint(got) != "[first last]" || log != "" {
		t.Fatalf("%q, log %s", got, log)
	}
}

const manyLines = 2000 // of many reads

// stoppedWithLines returns an input, a pipe with lines that something holds open, and a context
// that has ended.
func stoppedWithLines(t *testing.T, env inputs.Env) (*Exec, *os.File, context.Context) {
	t.Helper()
	cfg := Default()
	cfg.Command = []string{"true"}
	e, err := New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(in.Close(), out.Close()) })
	for i := range manyLines {
		fmt.Fprintln(in, "line", i)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	return e, out, ended
}

// What is in the pipe when no more is waited for is taken.
func TestLinesThatWaitedInThePipe(t *testing.T) {
	e, out, ended := stoppedWithLines(t, inputstest.Env("input.exec.test", t.TempDir()))
	sink := inputstest.New()
	g := framing.NewGather(t.Context(), sink, "t", func(err error) { t.Error(err) })
	if err := errors.Join(e.lines(ended, out, g), g.Close()); err != nil {
		t.Fatal(err)
	}
	if n := len(sink.Values()); n != manyLines {
		t.Fatalf("%d lines of %d", n, manyLines)
	}
}

// What is not read of the pipe when LastWords are over is told.
func TestCutOffIsTold(t *testing.T) {
	var log runtest.LogBuffer
	env := inputstest.Env("input.exec.test", t.TempDir())
	env.Log = slog.New(slog.NewTextHandler(&log, nil))
	e, out, ended := stoppedWithLines(t, env)
	sink := inputstest.New()
	sink.Block()
	g := framing.NewGather(t.Context(), sink, "t", func(err error) { t.Error(err) })
	read := make(chan error, 1)
	go func() { read <- e.lines(ended, out, g) }()
	runtest.Until(t, "an append waits", func() bool { return sink.Waiting() == 1 })
	late := time.Now().Add(framing.LastWords)
	runtest.Until(t, "they are over", func() bool { return time.Now().After(late) })
	sink.Unblock()
	if err := errors.Join(<-read, g.Close()); err != nil {
		t.Fatal(err)
	}
	if len(log.Lines("WARN", framing.ErrCutOff.Error())) != 1 {
		t.Fatal(log.String())
	}
}

func TestMissingProgram(t *testing.T) {
	cfg := Default()
	cfg.Command = []string{"/no/such/program"}
	e, err := New(cfg, inputstest.Env("input.exec.test", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.command(context.Background(), nil); err == nil ||
		!strings.Contains(err.Error(), "no such file") {
		t.Fatal(err)
	}
}
