package spool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/hook"
	"github.com/prometheus/client_golang/prometheus"
)

// Env is what the agent lends to an archiver; outputs.Env converts to it.
type Env struct {
	Name    string
	Agent   string
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Dir     string

	// DeadLetter keeps what cannot be archived, in place of objects under dead_letter_path, and
	// returns nil once it is durable; nil for objects.
	DeadLetter func(ctx context.Context, b *record.Batch, reason string) error
}

// Archiver persists logs into partitioned objects of one store, each record exactly once. Its Drain
// may run for many logs at once: they share memory, disk, workers and uploads.
type Archiver struct {
	cfg   Config
	env   Env
	store Store
	rules

	dir     workDir
	files   *fdCache
	buffers *bufferPool
	limits
	workers *workers

	starting sync.Mutex // guards started
	started  bool       // the working directory is empty, and workers run

	flushes atomic.Int64 // how often Flush was called
	paths   atomic.Int64
	metrics *metrics
	board   cutBoard
	dead    atomic.Int64 // records archived as dead letters
	failing *failureLogs
	trial   *trial

	underway underway

	writeAt func(f *os.File, p []byte, off int64) (int, error) // replaced by tests
}

// rules are what follows from the configuration. They never change.
type rules struct {
	version string
	namer   *namer
	marks   []int
	codec   *codec
	hooks   []hook.Hook
}

// limits are what all drains share. Safe for concurrent use.
type limits struct {
	budget    *budget
	slots     chan struct{} // uploads under way
	finishing chan struct{} // files that are made in one go: each takes memory
	batches   chan struct{} // whose files are written; see upload.batch
}

// take waits for one of the slots of a limit, and returns what gives it back.
func take(ctx context.Context, slots chan struct{}) (giveBack func(), err error) {
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// NewArchiver returns the archiver; it does no I/O. Close it after all Drains have returned.
func NewArchiver(cfg Config, store Store, env Env) (*Archiver, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &Archiver{
		cfg:     cfg,
		env:     env,
		store:   store,
		rules:   rules{version: version()},
		files:   newFDCache(cfg.Spool.OpenFiles),
		buffers: &bufferPool{max: int(cfg.Spool.Memory)},
		limits: limits{
			budget:    newBudget(cfg.Spool.Memory, cfg.Spool.Disk),
			slots:     make(chan struct{}, cfg.Upload.Parallel),
			finishing: make(chan struct{}, runtime.GOMAXPROCS(0)),
			batches:   make(chan struct{}, batchesAtOnce),
		},
		workers: newWorkers(),
		writeAt: (*os.File).WriteAt,
	}
	a.dir.root = filepath.Join(env.Dir, "spool")
	var err error
	if a.namer, err = newNamer(&cfg, env.Agent); err != nil {
		return nil, err
	}
	if a.codec, err = cfg.codec(); err != nil {
		return nil, err
	}
	if cfg.Success != nil {
		for i, hc := range cfg.Success.Hooks {
			h, err := hook.New(hc)
			if err != nil {
				return nil, under(fmt.Sprintf("success.hook[%d]", i), err)
			}
			a.hooks = append(a.hooks, h)
		}
	}
	if a.marks, err = parseMarks(cfg.Roll.Minutes); err != nil {
		return nil, fmt.Errorf("roll.minute_marks: %w", err)
	}
	a.metrics = newMetrics(a, env.Metrics)
	a.failing = newFailureLogs(a.metrics, env, a.dir.root)
	a.trial = newTrial(store, env)
	return a, nil
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// start makes the directory of working files and starts the workers, once.
func (a *Archiver) start(ctx context.Context) error {
	a.starting.Lock()
	defer a.starting.Unlock()
	if a.started {
		return nil
	}
	for attempt := 1; ; attempt++ {
		err := a.dir.make()
		if err == nil {
			break
		}
		a.failing.disk.Failed("", err)
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
	a.failing.disk.Worked("")
	a.workers.start()
	a.trial.start()
	a.started = true
	return nil
}

// Close ends the workers and removes the working files. No Drain may be running.
func (a *Archiver) Close() error {
	a.starting.Lock()
	defer a.starting.Unlock()
	if !a.started {
		return nil
	}
	a.started = false
	a.trial.end()
	a.workers.stop()
	return a.dir.remove()
}

func (a *Archiver) diskRefused(err error) {
	a.metrics.diskRefused.Inc()
	a.failing.disk.Failed("", err)
	a.budget.setBlocked(true)
}

func (a *Archiver) diskWorks() {
	a.failing.disk.Worked("")
	a.budget.setBlocked(false)
}

// Drain archives log until it ends (nil), ctx ends (its error), or something has to be decided by a
// person: a record without a place where on_missing is "stop", a cut begun under another
// configuration. It returns an error wrapping record.ErrFenced when the log was lost, and only
// after all its goroutines have ended.
func (a *Archiver) Drain(ctx context.Context, log record.Log) error {
	if err := a.start(ctx); err != nil {
		return err
	}
	d, err := a.newDrain(log)
	if err != nil {
		return fmt.Errorf("archive %s: %w", log.Name(), err)
	}
	err = d.run(ctx)
	switch {
	case err == nil || ctx.Err() != nil && !errors.Is(err, record.ErrFenced):
		return err
	case errors.Is(err, record.ErrFenced):
		if d.spooled {
			a.metrics.fenced.Inc()
		}
	}
	return fmt.Errorf("archive %s: %w", log.Name(), err)
}

// parseMarks reads minutes of the hour, written "00" or ":00" or "hh:00".
func parseMarks(marks []string) ([]int, error) {
	var out []int
	for _, s := range marks {
		text := s
		if i := strings.LastIndexByte(s, ':'); i >= 0 {
			text = s[i+1:]
		}
		if len(text) == 0 || len(text) > 2 || strings.Trim(text, "0123456789") != "" {
			return nil, fmt.Errorf("must be minutes from 00 to 59, not %q", s)
		}
		m := 0
		for _, c := range text {
			m = m*10 + int(c-'0')
		}
		if m > 59 {
			return nil, fmt.Errorf("must be minutes from 00 to 59, not %q", s)
		}
		out = append(out, m)
	}
	return out, nil
}

// nextMark returns the first moment after t that is at one of the minutes; zero if there are none.
func nextMark(t time.Time, marks []int) time.Time {
	var best time.Time
	hour := t.UTC().Truncate(time.Hour)
	for _, m := range marks {
		at := hour.Add(time.Duration(m) * time.Minute)
		if !at.After(t) {
			at = at.Add(time.Hour)
		}
		if best.IsZero() || at.Before(best) {
			best = at
		}
	}
	return best
}
