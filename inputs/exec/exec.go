package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/framing"
	"github.com/prometheus/client_golang/prometheus"
)

// steady is how long a command must have run for its end not to count as one at once.
const steady = time.Minute

// linger is how much longer than for the command is waited for what holds its output open.
const linger = time.Second

// Exec is the input. Make one with New.
type Exec struct {
	cfg      Config
	warnings *fault.ThrottledLog
	name     string
	runs     *prometheus.CounterVec
}

// New returns the input.
func New(cfg Config, env inputs.Env) (*Exec, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &Exec{
		cfg: cfg, warnings: fault.NewThrottledLog(env.Log), name: filepath.Base(cfg.Command[0]),
	}
	e.runs = prometheus.NewCounterVec(
		prometheus.CounterOpts{
			Name: "penstock_exec_runs_total",
			Help: "Runs of the command that ended, by outcome.",
		},
		[]string{"outcome"},
	)
	env.Metrics.MustRegister(e.runs)
	return e, nil
}

// Run implements inputs.Input.
func (e *Exec) Run(ctx context.Context, sink inputs.Sink) error {
	late, end := framing.StoppingAfter(ctx, e.cfg.StopTimeout)
	defer end()
	g := framing.NewGather(late, sink, e.cfg.Tag, func(err error) {
		e.warnings.Warn(
			e.name, "lines are not stored yet; they are kept and offered again", "error", err,
		)
	})
	wait := e.cfg.RestartWait
	for ctx.Err() == nil {
		begun := time.Now()
		e.runOnce(ctx, g)
		pause := wait
		switch {
		case e.cfg.Interval > 0:
			// a run that took longer skips its turns
			pause = e.cfg.Interval - time.Since(begun)%e.cfg.Interval
		case time.Since(begun) < steady:
			wait = min(2*wait, time.Minute)
		default:
			wait = e.cfg.RestartWait
		}
		_ = fault.Sleep(ctx, pause)
	}
	if err := g.Close(); err != nil {
		e.warnings.Warn(e.name, "stopped before all was stored", "error", err)
	}
	return nil
}

// runOnce runs the command once and takes its lines.
func (e *Exec) runOnce(ctx context.Context, g *framing.Gather) {
	run := ctx
	if e.cfg.Timeout > 0 {
		var cancel context.CancelFunc
		run, cancel = context.WithTimeout(ctx, e.cfg.Timeout)
		defer cancel()
	}
	err := e.command(run, g)
	switch {
	case ctx.Err() != nil:
		return
	case err == nil:
		e.runs.WithLabelValues("success").Inc()
		return
	case run.Err() != nil:
		err = fmt.Errorf("timeout after %v", e.cfg.Timeout)
	}
	e.runs.WithLabelValues("failure").Inc()
	e.warnings.Warn(e.name, "the command failed; it is run again", "error", err)
}

func (e *Exec) command(ctx context.Context, g *framing.Gather) error {
	cmd := exec.CommandContext(ctx, e.cfg.Command[0], e.cfg.Command[1:]...)
	cmd.Dir = e.cfg.Dir
	cmd.Env = os.Environ()
	for k, v := range e.cfg.Env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = e.cfg.StopTimeout + linger
	var killer *time.Timer
	cmd.Cancel = func() error {
		group := -cmd.Process.Pid
		killer = time.AfterFunc(
			e.cfg.StopTimeout, func() { _ = syscall.Kill(group, syscall.SIGKILL) },
		)
		return syscall.Kill(group, syscall.SIGTERM)
	}
	var complaint tail
	cmd.Stderr = &complaint
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close()
	cmd.Stdout = in
	err = cmd.Start()
	in.Close()
	if err != nil {
		return err
	}
	// Grandchildren may hold the pipe open for ever; a stop does not wait for them longer than for
	// the command.
	until, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(e.cfg.StopTimeout+linger, cancel) })
	defer stop()
	rerr := e.lines(until, out, g)
	if rerr != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	}
	err = cmd.Wait()
	if killer != nil {
		killer.Stop()
	}
	if err != nil && len(complaint.b) > 0 {
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(complaint.b))
	}
	return errors.Join(err, rerr)
}

var continued = []record.Header{{Key: "continued", Value: []byte("true")}}

// lines takes lines until the output ends, or ctx does, and then what is in the pipe. It hands them
// on whenever there are no more at hand.
func (e *Exec) lines(ctx context.Context, out *os.File, g *framing.Gather) error {
	src, stop := framing.NewLateReader(ctx, out)
	defer stop()
	split := framing.NewSplitter(flushing{src, g}, framing.Newline, int(e.cfg.MaxLineSize))
	for {
		line, more, err := split.Next()
		if err != nil {
			if ferr := g.Flush(); ferr != nil {
				return ferr
			}
			if err == framing.ErrCutOff {
				e.warnings.Warn(e.name, "stopped before all was stored", "error", err)
			}
			if err == io.EOF || ctx.Err() != nil {
				return nil
			}
			return err
		}
		var headers []record.Header
		if more {
			headers = continued
		}
		if err := g.Add(e.name, time.Now().UnixNano(), line, headers); err != nil {
			return err
		}
	}
}

type flushing struct {
	src *framing.LateReader
	g   *framing.Gather
}

func (f flushing) Read(p []byte) (int, error) {
	if err := f.g.Flush(); err != nil {
		return 0, err
	}
	return f.src.Read(p, time.Time{})
}

// tail keeps the last of what is written to it.
type tail struct{ b []byte }

const maxTail = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - maxTail; over > 0 {
		t.b = t.b[:copy(t.b, t.b[over:])]
	}
	return len(p), nil
}
