package drain

import (
	"context"
	"slices"
	"time"

	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/overflow"
)

// Status is a Drainer's condition, for people.
type Status struct {
	Failing        bool      // the destination refuses what it is sent
	FailingSince   time.Time // zero if it does not
	LastError      string    // the latest, also when it works again
	Do             string    // what a person can do about it
	HasAnswered    bool      // LastError is an answer of the destination
	LastSuccess    time.Time // zero if never
	FlyingBatches  int64     // read from a log and not yet delivered
	FlyingBytes    int64
	DeadLettered   int64    // records refused for good since the start
	Held           []string // what is held up while the rest goes on, and why
	DeadLetterBusy string   // why the dead letter cannot be written, if it cannot
	Logs           []LogStatus
}

// LogStatus is the condition of one log being drained.
type LogStatus struct {
	Log       string
	State     string // one of the State constants
	Committed int64
	// for so long the destination has taken nothing although something is being sent
	Stalled time.Duration
	// Waiting in the overflow; Oldest is the time of the oldest record, zero while not known.
	Objects       int64
	ObjectBytes   int64
	ObjectRecords int64     // at most
	Since         time.Time // the state is so
	Down          bool      // it is so because the destination takes nothing
	// since when it answers again, though it is sent nothing before Trial; zero if it does not
	Answers, Trial time.Time
	Replayed       int64 // records of objects that are gone since
	Oldest         time.Time
	// for so long records are kept together before an object of them goes to the overflow
	Collects    time.Duration
	StoreError  string // why the overflow's store cannot be used, if it cannot
	StoreDo     string // what a person can do about it
	StoreSince  time.Time
	CommitFails bool   // what is delivered cannot be committed, for a while now
	Stranded    string // where records wait into which the output does not look; "" for nowhere
}

// Held implements Holder.
func (d *Drainer) Held() []string {
	if h, ok := d.to.Send.Closer.(outputs.Holder); ok {
		return h.Held()
	}
	return nil
}

// Status returns the present condition.
func (d *Drainer) Status() Status {
	s := Status{
		FlyingBatches: d.to.Send.Flying.Load(),
		FlyingBytes:   d.to.Send.Bytes.Load(),
		DeadLettered:  d.to.Send.Dead.Load(),
	}
	t := d.to.Send.Failure()
	s.FailingSince, s.LastError, s.Do = t.Since, t.Error, t.Do
	s.HasAnswered = t.HasAnswered
	s.Failing = !s.FailingSince.IsZero()
	if ns := d.to.Send.LastSuccess.Load(); ns != 0 {
		s.LastSuccess = time.Unix(0, ns)
	}
	s.Held = d.Held()
	if busy, err, _ := d.to.Send.DeadLetterFailing.State(); !busy.IsZero() {
		s.DeadLetterBusy = err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for r := range d.drains {
		l := LogStatus{Log: r.log.Name(), State: overflow.StateDirect}
		var note string
		l.Committed, note = r.ledger.State()
		l.Stalled = r.health.Stalled()
		l.CommitFails = r.ledger.Fails()
		if f := r.over; f != nil {
			o := f.State()
			l.State, l.Objects, l.ObjectBytes = o.Name, o.Objects, o.Bytes
			l.Oldest, l.StoreError = o.Oldest, o.StoreError
			l.StoreDo, l.StoreSince = o.StoreDo, o.StoreSince
			l.ObjectRecords, l.Since, l.Replayed, l.Down = o.Records, o.Since, o.Gone, o.Down
			l.Answers, l.Trial = o.Answers, o.Trial
			l.Stranded = o.Stranded
			if o.Name == overflow.StateOverflow && o.StoreError == "" {
				l.Collects = d.cfg.Failover.ObjectAge
			}
		} else {
			l.Stranded = overflow.LeftBehind(note)
		}
		s.Logs = append(s.Logs, l)
	}
	return s
}

// Stuck returns what only a person can mend: a log whose overflow cannot go on by itself.
func (d *Drainer) Stuck() []string { return d.refused(false) }

// refused returns whose overflow is refused by its store, with idle also where it is not in use.
func (d *Drainer) refused(idle bool) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for r := range d.drains {
		if f := r.over; f != nil && (idle || f.State().Name != overflow.StateDirect) {
			if text := f.Stuck(); text != "" {
				out = append(out, "the overflow of "+r.log.Name()+": "+text)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Waiting returns what waits in the overflow of a log that is not drained for now, by the note of
// its commit: nothing where there is none.
func (d *Drainer) Waiting(ctx context.Context, log, note string) (overflow.State, error) {
	if d.cfg.Failover == nil || d.to.Store == nil {
		return overflow.State{}, nil
	}
	return overflow.Waiting(ctx, &d.to, d.cfg.Failover, log, note)
}

// FailoverTo returns the name of what failover goes to; "" without one.
func (d *Drainer) FailoverTo() string {
	if f := d.cfg.Failover; f != nil {
		return f.To
	}
	return ""
}
