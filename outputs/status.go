package outputs

import (
	"slices"
	"sync"
	"time"

	"github.com/penstock/penstock/spool"
)

// overflowStatus is what is known of one log's overflow. Safe for concurrent use.
type overflowStatus struct {
	m *overflowMetrics

	mu      sync.Mutex
	state   string
	objects int64
	bytes   int64
	oldest  time.Time // of the first waiting object's first record; zero while not known
}

func (s *overflowStatus) enter(state string) (was string, changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was = s.state; was == state {
		return was, false
	}
	if was != "" {
		s.m.logs.WithLabelValues(was).Dec()
		s.m.switches.WithLabelValues(state).Inc()
	}
	s.m.logs.WithLabelValues(state).Inc()
	s.state = state
	return was, true
}

func (s *overflowStatus) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != "" {
		s.m.logs.WithLabelValues(s.state).Dec()
	}
	s.state = ""
	s.clear()
}

// add counts an object behind those that are there. oldest is the time of its first record.
func (s *overflowStatus) add(o spool.Object, oldest time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects == 0 {
		s.since(oldest)
	}
	s.objects++
	s.bytes += o.Size
	s.m.objects.Inc()
	s.m.bytes.Add(float64(o.Size))
}

// begins tells the time of the first record that is left, once known.
func (s *overflowStatus) begins(oldest time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects > 0 {
		s.since(oldest)
	}
}

func (s *overflowStatus) since(oldest time.Time) {
	s.oldest = oldest
	s.m.setOldest(s, oldest)
}

// waiting returns what waits, for logs.
func (s *overflowStatus) waiting() (state string, attrs []any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	attrs = []any{"objects", s.objects, "bytes", s.bytes}
	if !s.oldest.IsZero() {
		attrs = append(attrs, "oldest", s.oldest.UTC().Format(time.RFC3339))
	}
	return s.state, attrs
}

// remove takes the first object away.
func (s *overflowStatus) remove(o spool.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects--
	s.bytes -= o.Size
	s.m.objects.Dec()
	s.m.bytes.Sub(float64(o.Size))
	if s.objects <= 0 {
		s.clear()
	}
}

// reset forgets all objects, to count them anew. It returns when the first of them begins, as far as known.
func (s *overflowStatus) reset() (oldest time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest = s.oldest
	s.clear()
	return oldest
}

func (s *overflowStatus) clear() {
	s.m.objects.Sub(float64(s.objects))
	s.m.bytes.Sub(float64(s.bytes))
	s.objects, s.bytes = 0, 0
	s.since(time.Time{})
}

// Status is a Drainer's condition, for people.
type Status struct {
	Failing        bool      // the destination refuses what it is sent
	FailingSince   time.Time // zero if it does not
	LastError      string    // the latest, also when it works again
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
	// Waiting in the overflow; Oldest is the time of the oldest record, zero while not known.
	Objects     int64
	ObjectBytes int64
	Oldest      time.Time
	StoreError  string // why the overflow's store cannot be used, if it cannot
}

// Held implements Holder.
func (d *Drainer) Held() []string {
	if h, ok := d.send.closer.(Holder); ok {
		return h.Held()
	}
	return nil
}

// Status returns the present condition.
func (d *Drainer) Status() Status {
	s := Status{FlyingBatches: d.send.flying.Load(), FlyingBytes: d.send.bytes.Load(), DeadLettered: d.send.dead.Load()}
	s.FailingSince, s.LastError = d.send.ill.state()
	s.Failing = !s.FailingSince.IsZero()
	if ns := d.send.lastSuccess.Load(); ns != 0 {
		s.LastSuccess = time.Unix(0, ns)
	}
	s.Held = d.Held()
	if busy, err := d.send.burial.state(); !busy.IsZero() {
		s.DeadLetterBusy = err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for r := range d.drains {
		l := LogStatus{Log: r.log.Name(), State: StateDirect}
		l.Committed, _ = r.ledger.state()
		if f := r.over; f != nil {
			f.status.mu.Lock()
			l.State, l.Objects, l.ObjectBytes, l.Oldest = f.status.state, f.status.objects, f.status.bytes, f.status.oldest
			f.status.mu.Unlock()
			if bad, err := f.ill.state(); !bad.IsZero() {
				l.StoreError = err
			}
		}
		s.Logs = append(s.Logs, l)
	}
	return s
}

// Stuck returns what only a person can mend: a log whose overflow cannot go on by itself.
func (d *Drainer) Stuck() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for r := range d.drains {
		if f := r.over; f != nil {
			if text := f.ill.refusal(); text != "" {
				out = append(out, "the overflow of "+r.log.Name()+": "+text)
			}
		}
	}
	slices.Sort(out)
	return out
}
