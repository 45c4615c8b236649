package overflow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deliver"
	"github.com/penstock/penstock/outputs/recordline"
	"github.com/penstock/penstock/spool"
)

// Failover states, as metrics and the status page show them.
const (
	StateDirect   = "direct"   // the log goes to the destination
	StateOverflow = "overflow" // the oldest part of the log goes to the store
	StateReplay   = "replay"   // objects go to the destination
	StateStandby  = "standby"  // the log goes to the standby
)

// resolving is what works on the log while the destination is asked how much of it it has; it is no
// state of its own to others.
const resolving = "resolving"

// Controller decides who works on a log: the flight to the destination, the mover to the store or
// the flight to the standby, of which there is at most one. And it decides whether the replayer
// works on what the mover has stored. run owns the state; the activities report by ending.
type Controller struct {
	Control
	own     string // the base that the names of today make
	base    string // the one in use: that of the note as long as something is there, see note.Base
	slog    *slog.Logger
	m       *overflowMetrics
	failing fault.FailureLog

	moving *mover // nil with a standby
	replay *Replayer

	condition                 // of which desiredState is made
	lastLogged      time.Time // when the log last said what waits
	replayNotBefore time.Time // the replayer is not started before

	// moving.puts when the replayer last began to list; -1 if it left out what was not committed
	listed atomic.Int64

	// The mover never runs beside reconcileStore, which deletes what has a void cut's name.
	onLog, onObjects, onRecovery, onReconcile, onAsking *activity

	status overflowStatus
}

// tellEvery is how often the log says what waits in the overflow.
const tellEvery = time.Minute

func New(c Control) *Controller {
	d := c.To
	f := &Controller{
		Control: c,
		m:       d.Over,
		slog:    d.Env.Log.With("log", c.Log.Name()),
		own:     ownBase(d, c.Config, c.Log.Name()),
	}
	f.condition = newCondition(c.Config, d.Store == nil)
	f.base = baseOf(d, c.Config, c.Log.Name(), f.note())
	f.status.m = d.Over
	f.failing = fault.FailureLog{
		Log: f.slog, What: "the overflow's object store", Do: f.advice(),
	}
	if d.Store == nil {
		return f
	}
	f.moving = &mover{
		log:     c.Log,
		ledger:  c.Ledger,
		store:   d.Store,
		base:    f.base,
		to:      f.Config.To,
		cfg:     f.Config,
		retry:   d.Retry,
		router:  d.Send.Router,
		m:       f.m,
		failing: &f.failing,
		onStored: func(o spool.Object, oldest time.Time) {
			c.Drain.Moved(o.Key)
			f.status.add(o, oldest)
		},
	}
	if c.Txn != nil {
		f.moving.beforeMove = c.Txn.NoteDoubt
	}
	f.replay = &Replayer{
		Destination: d.Destination,
		Store:       d.Store,
		Base:        f.base,
		Holder:      "agent " + d.Env.Agent,
		Keep:        f.Config.AfterReplay == "keep",
		Dir:         d.Env.Dir,
		Health:      c.Health,
		Log:         f.slog,
		Failing:     &f.failing,
		Begun:       c.Begun,
		Skip: func(key string) bool { // what is not committed as moved may yet go out of the log
			n := f.note()
			if n.Intent != nil && slices.Contains(f.moving.keys(*n.Intent), key) {
				f.listed.Store(-1) // it waits, however soon it is committed after this listing
				return true
			}
			return n.Void != nil && slices.Contains(f.moving.keys(*n.Void), key)
		},
		agentSide: agentSide{
			m:             f.m,
			onStraggler:   c.Drain.AddStraggler,
			onList:        func() { f.listed.Store(f.moving.puts.Load()) },
			onObjectStart: f.status.begins,
			note:          f.note,
			onReplayed: func(ctx context.Context, p replayed) {
				// It fails once the log is lost, and then there is nobody to remember it for.
				_ = f.moving.annotate(ctx, func(n *Note) { n.Replay = &p })
			},
			onCounted: f.counted,
			known:     c.Drain.AheadIn,
		},
		OnDone: func(o spool.Object, _ int64, _ bool) {
			c.Drain.Replayed(o.Key)
			f.status.remove(o)
		},
	}
	return f
}

// counted notes that an object has been replayed, durably: it is about to be removed.
func (f *Controller) counted(
	ctx context.Context, logMark string, origins map[string]*recordline.OriginCount,
) error {
	k, ok := record.As[tally.Keeper](f.Log)
	if !ok || logMark == "" || logMark != mark(f.note().Log) {
		return nil // it is of another log
	}
	for origin, n := range origins {
		k.Note(tally.Entry{
			Stage: tally.Replayed, Origin: origin, First: n.First,
			Count: tally.Count{Records: n.Records, Bytes: n.Bytes},
		})
	}
	if r, ok := record.As[record.Refresher](f.Log); ok {
		_, _, err := r.Refresh(ctx)
		return err
	}
	return nil
}

// Run drives the activities until the log ends, ctx ends or one of them fails.
func (f *Controller) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer f.status.leave()
	defer f.stopAll()
	defer cancel()
	if _, err := ParseNote(f.noteText()); err != nil {
		f.slog.Warn(
			"an unknown note is overwritten", "error", err,
			"do", "make sure that nothing else commits under this name",
		)
	}
	f.logBase()
	f.Health.Reset()
	if f.moving != nil {
		if err := f.leaveStore(ctx); err != nil {
			return err
		}
		if f.note().Intent != nil {
			// Began before a crash. It is finished now if that goes quickly, so that the log begins
			// behind it.
			if err := f.finishIntent(ctx); err != nil {
				return err
			}
		}
		f.startReconciling(ctx)
	}
	tick := time.NewTicker(tickOf(f.Config))
	defer tick.Stop()
	for {
		if err := f.collect(ctx); err != nil {
			return err
		}
		f.rebase(ctx)
		f.observe()
		log, replay := f.desiredState()
		if err := f.adjust(ctx, log, replay); err != nil {
			return err
		}
		if now, r := f.desiredState(); now != log || r != replay {
			continue
		}
		if f.ended && f.onObjects == nil && (!f.objects() || f.down) {
			f.leave()
			return nil
		}
		f.announce(log, replay)
		select {
		case <-ctx.Done():
			f.stopAll()
			return ctx.Err()
		case <-tick.C:
		case <-f.onLog.ended():
		case <-f.onObjects.ended():
		case <-f.onRecovery.ended():
		case <-f.onReconcile.ended():
		case <-f.onAsking.ended():
		}
	}
}

func (f *Controller) note() Note {
	n, _ := ParseNote(f.noteText())
	return n
}

func (f *Controller) noteText() string {
	_, text := f.Ledger.State()
	return text
}

// objects reports whether objects wait, or may.
func (f *Controller) objects() bool { return f.moving != nil && f.note().Objects }

// observe looks at the destination and the buffer.
func (f *Controller) observe() {
	f.stalled(f.Health.Stalled(), f.Health.Taken)
	if l, ok := record.As[record.Filler](f.Log); ok && f.Config.AtFill > 0 && f.moving != nil {
		f.fill(l.Fill())
	}
}

// desiredState tells what should be working on the log ("" for nothing), and whether objects should
// be replayed.
func (f *Controller) desiredState() (log string, replay bool) {
	log, replay = f.desired(f.objects())
	if x := f.Txn; x != nil && !f.down && f.moving != nil &&
		(x.IsDoubtful() || log == StateOverflow && !x.IsClean()) {
		return resolving, false
	}
	return log, replay
}

// adjust stops what should not be working, and starts what should.
func (f *Controller) adjust(ctx context.Context, log string, replay bool) error {
	reconciled := f.onReconcile == nil && f.moving != nil
	f.adjustAsking(ctx, reconciled && log == StateDirect && !replay)
	if f.onLog != nil && f.onLog.kind != log {
		if f.onLog.kind == StateDirect {
			f.awaitAnswers(f.onLog)
		}
		if err := f.stopLog(ctx); err != nil {
			return err
		}
	}
	if f.onObjects != nil && !replay {
		f.onObjects.cancel()
		f.onObjects.stop(0)
		if err := f.collect(ctx); err != nil {
			return err
		}
	}
	if now, r := f.desiredState(); now != log || r != replay {
		return nil // what was stopped has changed the picture; the next round sees to it
	}
	reconciling := f.onReconcile != nil // what needs the store waits until what it holds is known
	if f.onLog == nil && log != "" && (!f.ended || log == resolving) &&
		(log != StateOverflow || !reconciling) {
		f.startLog(ctx, log)
	}
	if f.onObjects == nil && replay && !reconciling && !time.Now().Before(f.replayNotBefore) {
		f.onObjects = f.start(ctx, StateReplay, func(ctx, _ context.Context) error {
			if err := f.Drain.AwaitStragglers(ctx); err != nil {
				return err
			}
			return f.replay.Run(ctx)
		})
	}
	if f.down && f.onRecovery == nil {
		f.onRecovery = f.start(ctx, "recovery", f.awaitRecovery)
	}
	return nil
}

// awaitAnswers asks the flight to finish, and cuts it short once the destination answers nothing:
// inputs may be waiting for room meanwhile.
func (f *Controller) awaitAnswers(flight *activity) {
	flight.quit()
	late := time.NewTimer(4 * deliver.Grace)
	defer late.Stop()
	tick := time.NewTicker(tickOf(f.Config))
	defer tick.Stop()
	for !f.down && f.Health.Stalled() < deliver.Grace {
		select {
		case <-flight.done:
			return
		case <-late.C:
			flight.cancel()
			return
		case <-tick.C:
			f.observe()
		}
	}
	flight.cancel()
}

func (f *Controller) startLog(ctx context.Context, kind string) {
	f.onLog = f.start(ctx, kind, func(ctx, quit context.Context) error {
		switch kind {
		case resolving:
			return f.Txn.ResolveOnly(ctx, quit)
		case StateOverflow:
			return f.moving.run(ctx, quit)
		case StateStandby:
			return f.Drain.Fly(ctx, f.To.Standby, quit.Done())
		}
		return f.Drain.Fly(ctx, f.To.Send, quit.Done())
	})
}

// stopLog ends what works on the log. A cut that could not be stored in time is given up: its
// records stay in the log.
func (f *Controller) stopLog(ctx context.Context) error {
	f.onLog.stop(4 * deliver.Grace)
	if err := f.collect(ctx); err != nil {
		return err
	}
	return f.giveUp(ctx)
}

func (f *Controller) giveUp(ctx context.Context) error {
	if f.moving == nil || f.note().Intent == nil || ctx.Err() != nil {
		return nil
	}
	if err := f.moving.giveUp(ctx); err != nil {
		return err
	}
	f.startReconciling(ctx)
	return nil
}

// startReconciling sees to it that what was given up is deleted before anybody else uses the store.
func (f *Controller) startReconciling(ctx context.Context) {
	if f.onReconcile == nil {
		f.onReconcile = f.start(ctx, "reconciling", f.reconcileStore)
	}
}

func (f *Controller) finishIntent(ctx context.Context) error {
	quit, cancel := context.WithCancel(ctx)
	cancel()
	err := f.moving.run(ctx, quit)
	if errors.Is(err, deliver.ErrQuit) || errors.Is(err, io.EOF) {
		return f.giveUp(ctx)
	}
	return err
}

// collect takes the outcome of activities that have ended.
func (f *Controller) collect(ctx context.Context) error {
	if a := f.onLog; a.over() {
		f.onLog = nil
		switch {
		case errors.Is(a.err, io.EOF):
			f.ended = true
		case a.err == nil, errors.Is(a.err, deliver.ErrQuit), errors.Is(a.err, context.Canceled):
		default:
			return a.err
		}
	}
	if a := f.onObjects; a.over() {
		f.onObjects = nil
		var held *LeasedError
		switch {
		case a.err == nil:
			if f.onLog != nil && f.onLog.kind == StateOverflow || f.note().Intent != nil ||
				f.listed.Load() != f.moving.puts.Load() {
				f.replayNotBefore = time.Now().Add(time.Second) // there is more since, or will be
				break
			}
			f.status.reset()
			if err := f.moving.annotate(
				ctx, func(n *Note) { n.Objects, n.Skip, n.Replay = false, nil, nil },
			); err != nil {
				return err
			}
		case errors.As(a.err, &held), errors.Is(a.err, ErrLeaseLost):
			f.replayNotBefore = time.Now().Add(LeaseTTL / 4)
			f.failing.Failed(a.err)
		case errors.Is(a.err, context.Canceled):
		default:
			return a.err
		}
	}
	if a := f.onRecovery; a.over() {
		f.onRecovery = nil
		if a.err == nil {
			f.recovered()
			f.Health.Reset()
		}
	}
	if a := f.onReconcile; a.over() {
		f.onReconcile = nil
		if a.err != nil && !errors.Is(a.err, context.Canceled) {
			return a.err
		}
	}
	if f.onAsking.over() {
		f.endAsking()
	}
	return nil
}

// awaitRecovery returns nil once the destination may be used again: it has answered every probe for
// cfg.Recover, or, if it cannot be probed, that time has passed and the next records are the trial.
// After trials that failed the time is longer.
func (f *Controller) awaitRecovery(ctx, _ context.Context) error {
	need := f.recoverWait()
	if f.To.Send.Prober == nil {
		return fault.Sleep(ctx, need)
	}
	every := min(max(f.Config.Recover/20, 10*time.Millisecond), 2*time.Second)
	var healthy time.Time
	for {
		pctx, cancel := context.WithTimeout(ctx, max(every, 10*time.Second))
		err := f.To.Send.Prober.Probe(pctx)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			healthy = time.Time{}
			if !errors.Is(err, context.DeadlineExceeded) { // which tells less
				f.To.Send.Failing.Failed(fmt.Errorf("asked whether it is well again: %w", err))
			}
		case healthy.IsZero():
			healthy = time.Now()
		}
		f.status.answered(healthy, need)
		f.To.Send.Failing.Answers(!healthy.IsZero())
		if !healthy.IsZero() && time.Since(healthy) >= need {
			return nil
		}
		if err := fault.Sleep(ctx, fault.Spread(every)); err != nil {
			return err
		}
	}
}

// reconcileStore asks the store what it holds: objects may be there from before this host lost its
// disk.
func (f *Controller) reconcileStore(ctx, _ context.Context) error {
	if err := f.moving.deleteVoided(ctx); err != nil {
		return err
	}
	oldest := f.status.reset()
	return f.moving.persist(ctx, func() error {
		n := 0
		f.status.reset()
		for o, err := range waiting(ctx, f.moving.store, f.base) {
			if err != nil {
				return err
			}
			if n++; oldest.IsZero() {
				oldest = o.Modified // until it is read
			}
			f.status.add(o, oldest)
		}
		if n == 0 {
			if m := f.note(); m.Objects && m.Base == "" {
				f.slog.Warn(
					"the log's note says that objects wait in the overflow, and there are none",
					"prefix", f.base,
					"do", "nothing if they were replayed by hand; if agent, output or prefix was renamed during an outage, "+replayHint+" --agent with the name of then",
				)
			}
			return nil
		}
		return f.moving.annotate(ctx, func(m *Note) { m.Objects = true })
	})
}

func (f *Controller) leave() {
	if f.down && f.objects() {
		f.slog.Warn(
			"the log has ended while the destination is down; the overflow will be replayed by the next run",
			"prefix", f.base,
		)
	}
}

func (f *Controller) announce(log string, replay bool) {
	if log == resolving {
		return
	}
	state := log
	if replay && log != StateOverflow {
		state = StateReplay
	}
	if state == "" {
		state = StateDirect
	}
	was, changed := f.status.enter(state, f.down, f.silent)
	_, waiting := f.status.waiting()
	now := time.Now()
	if !changed {
		if (state == StateOverflow || state == StateReplay) && now.Sub(f.lastLogged) >= tellEvery {
			f.lastLogged = now
			f.slog.Info(
				"failover: waiting in the overflow",
				append([]any{"state", state}, waiting...)...)
		}
		return
	}
	f.lastLogged = now
	switch {
	case was == "" && state == StateDirect:
	case state == StateDirect:
		f.slog.Info("failover: back to normal, records go straight to the destination")
	case state == StateReplay:
		f.slog.Info(
			"failover: replaying the overflow",
			append([]any{"prefix", f.base, "order", f.Config.Order}, waiting...)...)
	case state == StateStandby:
		f.slog.Warn(
			"failover: the destination has taken nothing for too long, records go to the standby",
			"after", f.Config.After.String(), "standby", f.Config.To,
		)
	case f.down:
		f.slog.Warn(
			"failover: the destination has taken nothing for too long, records go to the overflow until it is healthy",
			"after", f.Config.After.String(), "prefix", f.base,
		)
	default:
		f.slog.Warn(
			"failover: the buffer is filling up, its oldest records go to the overflow",
			"at_fill", f.Config.AtFill, "prefix", f.base,
		)
	}
}

// tickOf is how often the destination's health is looked at.
func tickOf(f *outputs.Failover) time.Duration {
	return min(max(min(f.After, f.Recover)/10, 10*time.Millisecond), time.Second)
}
