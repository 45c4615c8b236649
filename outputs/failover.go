package outputs

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool"
)

// Failover states, as metrics and the status page show them.
const (
	StateDirect   = "direct"   // the log goes to the destination
	StateOverflow = "overflow" // the oldest part of the log goes to the store
	StateReplay   = "replay"   // objects go to the destination
	StateStandby  = "standby"  // the log goes to the standby
)

// settling is what works on the log while the destination is asked how much of it it has; it is no state of its own to others.
const settling = "settling"

// failover decides who works on a log: the flight to the destination, the mover to the store or the flight to the standby, of which there is at most
// one; and whether the replayer works on what the mover has stored. run owns the state; the activities report by ending.
type failover struct {
	control
	own  string // the base that the names of today make
	base string // the one in use: that of the note as long as something is there, see note.Base
	slog *slog.Logger
	m    *overflowMetrics
	ill  trouble

	moving *mover // nil with a standby
	replay *replayer

	down    bool      // the destination took nothing for cfg.After, and has not been healthy for cfg.Recover since
	filling bool      // the buffer has passed cfg.AtFill and not fallen far enough below since
	ended   bool      // the log is sealed, and nothing of it is left
	retries int       // trials in a row that failed
	told    time.Time // when the log last said what waits
	hold    time.Time // the replayer is not started before

	listed atomic.Int64 // moving.puts when the replayer last began to list

	// The mover never runs beside a survey, which deletes what has a void cut's name.
	onLog, onObjects, onRecovery, onSurvey *activity

	status overflowStatus
}

// tellEvery is how often the log says what waits in the overflow.
const tellEvery = time.Minute

func newFailover(c control) *failover {
	d := c.to
	f := &failover{
		control: c, m: d.over,
		slog: d.env.Log.With("log", c.log.Name()), own: overflowBase(c.cfg.Prefix, d.env.Agent, d.env.Name, c.log.Name()),
	}
	f.base = f.own
	if n := f.note(); n.stored() && n.Base != "" && d.store != nil && n.To == f.cfg.To {
		f.base = n.Base
	}
	f.status.m = d.over
	f.ill = trouble{
		log: f.slog, what: "the overflow's object store", do: f.advice(),
	}
	if d.store == nil {
		return f
	}
	f.moving = &mover{
		log: c.log, ledger: c.ledger, store: d.store, base: f.base, to: f.cfg.To, cfg: f.cfg, retry: d.retry,
		router: d.send.router, m: f.m, ill: &f.ill,
		stored: func(o spool.Object, oldest time.Time) {
			c.drain.Moved(o.Key)
			f.status.add(o, oldest)
		},
	}
	if c.exact != nil {
		f.moving.begins = c.exact.Doubt
	}
	f.replay = &replayer{
		destination: d.destination, store: d.store, base: f.base, holder: "agent " + d.env.Agent, keep: f.cfg.AfterReplay == "keep",
		dir: d.env.Dir, health: c.health, log: f.slog, m: f.m, ill: &f.ill, stray: c.drain.Stray,
		listed: func() { f.listed.Store(f.moving.puts.Load()) },
		skip: func(key string) bool { // what is not committed as moved may yet go out of the log
			n := f.note()
			return n.Intent != nil && slices.Contains(f.moving.keys(*n.Intent), key) || n.Void != nil && slices.Contains(f.moving.keys(*n.Void), key)
		},
		note: f.note,
		remember: func(ctx context.Context, p replayed) {
			// It fails once the log is lost, and then there is nobody to remember it for.
			_ = f.moving.annotate(ctx, func(n *note) { n.Replay = &p })
		},
		began: f.status.begins,
		known: c.drain.AheadIn,
		did: func(o spool.Object, _ int64, _ bool) {
			c.drain.Replayed(o.Key)
			f.status.remove(o)
		},
	}
	return f
}

// run drives the activities until the log ends, ctx ends or one of them fails.
func (f *failover) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer f.status.leave()
	defer f.stopAll()
	defer cancel()
	if _, err := parseNote(f.noteText()); err != nil {
		f.slog.Warn("an unknown note is overwritten", "error", err, "do", "make sure that nothing else commits under this name")
	}
	f.tellBase()
	f.health.reset()
	if f.moving != nil {
		if f.note().Intent != nil {
			// Began before a crash. It is finished now if that goes quickly, so that the log begins behind it.
			if err := f.finishIntent(ctx); err != nil {
				return err
			}
		}
		f.startSurvey(ctx)
	}
	tick := time.NewTicker(tickOf(f.cfg))
	defer tick.Stop()
	for {
		if err := f.collect(ctx); err != nil {
			return err
		}
		f.rebase(ctx)
		f.judge()
		log, replay := f.want()
		if err := f.adjust(ctx, log, replay); err != nil {
			return err
		}
		if now, r := f.want(); now != log || r != replay {
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
		case <-f.onSurvey.ended():
		}
	}
}

func (f *failover) note() note {
	n, _ := parseNote(f.noteText())
	return n
}

func (f *failover) noteText() string {
	_, text := f.ledger.state()
	return text
}

// objects tells whether objects wait, or may.
func (f *failover) objects() bool { return f.moving != nil && f.note().Objects }

// judge looks at the destination and the buffer.
func (f *failover) judge() {
	if !f.down && f.health.stalled() >= f.cfg.After {
		if f.health.taken() {
			f.retries = 0
		}
		f.down = true
	}
	if fill, ok := f.log.(record.Filler); ok && f.cfg.AtFill > 0 && f.moving != nil {
		switch now := fill.Fill(); {
		case now >= f.cfg.AtFill:
			f.filling = true
		case now < max(f.cfg.AtFill-0.1, f.cfg.AtFill/2):
			f.filling = false
		}
	}
}

// want tells what should be working on the log ("" for nothing), and whether objects should be replayed.
func (f *failover) want() (log string, replay bool) {
	objects := f.objects()
	switch {
	case f.down && f.moving == nil:
		log = StateStandby
	case f.down:
		log = StateOverflow
	case objects:
		replay = true
		if f.cfg.Order == "newest_first" {
			log = StateDirect
		}
	default:
		log = StateDirect
	}
	if f.filling {
		log = StateOverflow
	}
	if f.ended {
		log = ""
	}
	if x := f.exact; x != nil && !f.down && f.moving != nil && (x.Doubtful() || log == StateOverflow && !x.Clean()) {
		return settling, false
	}
	return log, replay
}

// adjust stops what should not be working, and starts what should.
func (f *failover) adjust(ctx context.Context, log string, replay bool) error {
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
	if now, r := f.want(); now != log || r != replay {
		return nil // what was stopped has changed the picture; the next round sees to it
	}
	surveying := f.onSurvey != nil // what needs the store waits until it is known what it holds
	if f.onLog == nil && log != "" && (!f.ended || log == settling) && (log != StateOverflow || !surveying) {
		f.startLog(ctx, log)
	}
	if f.onObjects == nil && replay && !surveying && !time.Now().Before(f.hold) {
		f.onObjects = f.start(ctx, StateReplay, func(ctx, _ context.Context) error {
			if err := f.drain.AwaitStrays(ctx); err != nil {
				return err
			}
			return f.replay.run(ctx)
		})
	}
	if f.down && f.onRecovery == nil {
		f.onRecovery = f.start(ctx, "recovery", f.awaitRecovery)
	}
	return nil
}

// awaitAnswers asks the flight to finish, and cuts it short once the destination answers nothing: inputs may be waiting for room meanwhile.
func (f *failover) awaitAnswers(flight *activity) {
	flight.quit()
	late := time.NewTimer(4 * grace)
	defer late.Stop()
	tick := time.NewTicker(tickOf(f.cfg))
	defer tick.Stop()
	for !f.down && f.health.stalled() < grace {
		select {
		case <-flight.done:
			return
		case <-late.C:
			flight.cancel()
			return
		case <-tick.C:
			f.judge()
		}
	}
	flight.cancel()
}

func (f *failover) startLog(ctx context.Context, kind string) {
	f.onLog = f.start(ctx, kind, func(ctx, quit context.Context) error {
		switch kind {
		case settling:
			return f.exact.SettleOnly(ctx, quit)
		case StateOverflow:
			return f.moving.run(ctx, quit)
		case StateStandby:
			return f.drain.Fly(ctx, f.to.standby, quit.Done())
		}
		return f.drain.Fly(ctx, f.to.send, quit.Done())
	})
}

// stopLog ends what works on the log. A cut that could not be stored in time is given up: its records stay in the log.
func (f *failover) stopLog(ctx context.Context) error {
	f.onLog.stop(4 * grace)
	if err := f.collect(ctx); err != nil {
		return err
	}
	return f.giveUp(ctx)
}

func (f *failover) giveUp(ctx context.Context) error {
	if f.moving == nil || f.note().Intent == nil || ctx.Err() != nil {
		return nil
	}
	if err := f.moving.giveUp(ctx); err != nil {
		return err
	}
	f.startSurvey(ctx)
	return nil
}

// startSurvey sees to it that what was given up is deleted before anybody else uses the store.
func (f *failover) startSurvey(ctx context.Context) {
	if f.onSurvey == nil {
		f.onSurvey = f.start(ctx, "survey", f.survey)
	}
}

func (f *failover) finishIntent(ctx context.Context) error {
	quit, cancel := context.WithCancel(ctx)
	cancel()
	err := f.moving.run(ctx, quit)
	if errors.Is(err, errQuit) || errors.Is(err, io.EOF) {
		return f.giveUp(ctx)
	}
	return err
}

// collect takes the outcome of activities that have ended.
func (f *failover) collect(ctx context.Context) error {
	if a := f.onLog; a.over() {
		f.onLog = nil
		switch {
		case errors.Is(a.err, io.EOF):
			f.ended = true
		case a.err == nil, errors.Is(a.err, errQuit), errors.Is(a.err, context.Canceled):
		default:
			return a.err
		}
	}
	if a := f.onObjects; a.over() {
		f.onObjects = nil
		var held *leasedError
		switch {
		case a.err == nil:
			if f.onLog != nil && f.onLog.kind == StateOverflow || f.note().Intent != nil || f.listed.Load() != f.moving.puts.Load() {
				f.hold = time.Now().Add(time.Second) // there is more since, or will be
				break
			}
			f.status.reset()
			if err := f.moving.annotate(ctx, func(n *note) { n.Objects, n.Skip, n.Replay = false, nil, nil }); err != nil {
				return err
			}
		case errors.As(a.err, &held), errors.Is(a.err, errLeaseLost):
			f.hold = time.Now().Add(leaseTTL / 4)
			f.ill.failed(a.err)
		case errors.Is(a.err, context.Canceled):
		default:
			return a.err
		}
	}
	if a := f.onRecovery; a.over() {
		f.onRecovery = nil
		if a.err == nil {
			f.down = false
			f.retries = min(f.retries+1, 3)
			f.health.reset()
		}
	}
	if a := f.onSurvey; a.over() {
		f.onSurvey = nil
		if a.err != nil && !errors.Is(a.err, context.Canceled) {
			return a.err
		}
	}
	return nil
}

// awaitRecovery returns nil once the destination may be used again: it has answered every probe for cfg.Recover, or, if it cannot be probed, that
// time has passed and the next records are the trial. After trials that failed the time is longer.
func (f *failover) awaitRecovery(ctx, _ context.Context) error {
	need := f.cfg.Recover << f.retries
	if f.to.send.prober == nil {
		return sleep(ctx, need)
	}
	every := min(max(f.cfg.Recover/20, 10*time.Millisecond), 2*time.Second)
	var healthy time.Time
	for {
		pctx, cancel := context.WithTimeout(ctx, max(every, 10*time.Second))
		err := f.to.send.prober.Probe(pctx)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			healthy = time.Time{}
		case healthy.IsZero():
			healthy = time.Now()
		}
		if !healthy.IsZero() && time.Since(healthy) >= need {
			return nil
		}
		if err := sleep(ctx, every); err != nil {
			return err
		}
	}
}

// survey asks the store what it holds: objects may be there from before this host lost its disk.
func (f *failover) survey(ctx, _ context.Context) error {
	if err := f.moving.settle(ctx); err != nil {
		return err
	}
	oldest := f.status.reset()
	return f.moving.persist(ctx, func() error {
		n := 0
		f.status.reset()
		for o, err := range f.moving.store.List(ctx, f.base) {
			if err != nil {
				return err
			}
			ok, past := waitingObject(o.Key, f.base)
			if past {
				break
			}
			if ok {
				if n++; oldest.IsZero() {
					oldest = o.Modified // until it is read
				}
				f.status.add(o, oldest)
			}
		}
		if n == 0 {
			if m := f.note(); m.Objects && m.Base == "" {
				f.slog.Warn("the log's note says that objects wait in the overflow, and there are none", "prefix", f.base,
					"do", "nothing if they were replayed by hand; if agent, output or prefix was renamed during an outage, "+replayHint+" --agent with the name of then")
			}
			return nil
		}
		return f.moving.annotate(ctx, func(m *note) { m.Objects = true })
	})
}

func (f *failover) leave() {
	if f.down && f.objects() {
		f.slog.Warn("the log has ended while the destination is down; the overflow will be replayed by the next run", "prefix", f.base)
	}
}

func (f *failover) announce(log string, replay bool) {
	if log == settling {
		return
	}
	state := log
	if replay && log != StateOverflow {
		state = StateReplay
	}
	if state == "" {
		state = StateDirect
	}
	was, changed := f.status.enter(state)
	_, waiting := f.status.waiting()
	now := time.Now()
	if !changed {
		if (state == StateOverflow || state == StateReplay) && now.Sub(f.told) >= tellEvery {
			f.told = now
			f.slog.Info("failover: waiting in the overflow", append([]any{"state", state}, waiting...)...)
		}
		return
	}
	f.told = now
	switch {
	case was == "" && state == StateDirect:
	case state == StateDirect:
		f.slog.Info("failover: back to normal, records go straight to the destination")
	case state == StateReplay:
		f.slog.Info("failover: replaying the overflow", append([]any{"prefix", f.base, "order", f.cfg.Order}, waiting...)...)
	case state == StateStandby:
		f.slog.Warn("failover: the destination has taken nothing for too long, records go to the standby", "after", f.cfg.After.String(), "standby", f.cfg.To)
	case f.down:
		f.slog.Warn("failover: the destination has taken nothing for too long, records go to the overflow until it is healthy", "after", f.cfg.After.String(), "prefix", f.base)
	default:
		f.slog.Warn("failover: the buffer is filling up, its oldest records go to the overflow", "at_fill", f.cfg.AtFill, "prefix", f.base)
	}
}

// tickOf is how often the destination's health is looked at.
func tickOf(f *Failover) time.Duration {
	return min(max(min(f.After, f.Recover)/10, 10*time.Millisecond), time.Second)
}
