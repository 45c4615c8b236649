package overflow

import (
	"path"
	"sync"
	"time"

	"github.com/penstock/penstock/outputs/recordline"
	"github.com/penstock/penstock/spool"
)

// overflowStatus is what is known of one log's overflow. Safe for concurrent use.
type overflowStatus struct {
	m *overflowMetrics

	mu    sync.Mutex
	state string
	down  bool // the destination takes nothing
	// since when a destination that is down answers again, and when it is tried; zero for never
	answers, trial time.Time
	since          time.Time // it is so
	gone           int64     // positions of objects that went while it is so
	objects        int64
	bytes          int64
	records        int64     // positions, by the objects' names
	oldest         time.Time // of the first waiting object's first record; zero while not known
}

// enter takes note of the state. What the destination has not taken anything for counts to the
// time for which it is down.
func (s *overflowStatus) enter(
	state string, down bool, silent time.Duration,
) (was string, changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down = down; !down {
		s.answers, s.trial = time.Time{}, time.Time{}
	}
	if was = s.state; was == state {
		return was, false
	}
	if was != "" {
		s.m.logs.WithLabelValues(was).Dec()
		s.m.switches.WithLabelValues(state).Inc()
	}
	s.m.logs.WithLabelValues(state).Inc()
	s.state, s.since, s.gone = state, time.Now().Add(-silent), 0
	return was, true
}

// answered takes note of whether a destination that is down answers, since when, and when records
// are sent to it again.
func (s *overflowStatus) answered(since time.Time, need time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answers = since; since.IsZero() {
		s.trial = since
		return
	}
	s.trial = since.Add(need)
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
		s.begin(oldest)
	}
	s.objects++
	s.bytes += o.Size
	s.records += recordsIn(o.Key)
	s.m.objects.Inc()
	s.m.bytes.Add(float64(o.Size))
}

// begins tells the time of the first record that is left, once known.
func (s *overflowStatus) begins(oldest time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects > 0 {
		s.begin(oldest)
	}
}

func (s *overflowStatus) begin(oldest time.Time) {
	s.oldest = oldest
	s.m.setOldest(s, oldest)
}

// recordsIn returns how many positions an object holds, as its name says.
func recordsIn(key string) int64 {
	first, end, _ := recordline.ParseObjectName(path.Base(key))
	return end - first
}

// waiting returns what waits, for logs.
func (s *overflowStatus) waiting() (state string, attrs []any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects > 0 { // else the store has not been asked yet
		attrs = []any{"objects", s.objects, "bytes", s.bytes}
	}
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
	s.records -= recordsIn(o.Key)
	s.gone += recordsIn(o.Key)
	s.m.objects.Dec()
	s.m.bytes.Sub(float64(o.Size))
	if s.objects <= 0 {
		s.clear()
	}
}

// reset forgets all objects, to count them anew. It returns when the first of them begins, as far
// as known.
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
	s.objects, s.bytes, s.records = 0, 0, 0
	s.begin(time.Time{})
}

// State is the condition of one log's failover and overflow.
type State struct {
	Name  string    // one of the State constants
	Since time.Time // it is so
	Down  bool      // because the destination takes nothing
	// since when it answers again, though it is sent nothing before Trial; zero if it does not
	Answers, Trial time.Time
	Gone           int64 // records of objects that were replayed since
	// Waiting in the overflow; Oldest is the time of the oldest record, zero while not known.
	Objects    int64
	Bytes      int64
	Records    int64 // at most, by the objects' names
	Oldest     time.Time
	StoreError string // why the overflow's store cannot be used, if it cannot
	StoreDo    string // what a person can do about it
	StoreSince time.Time
	Stranded   string // where records wait into which nobody looks; "" for nowhere
}

func (s *overflowStatus) now() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return State{
		Name:    s.state,
		Down:    s.down,
		Since:   s.since,
		Gone:    s.gone,
		Objects: s.objects,
		Bytes:   s.bytes,
		Records: s.records,
		Oldest:  s.oldest,
		Answers: s.answers,
		Trial:   s.trial,
	}
}

// State returns the present condition. Safe for concurrent use.
func (f *Controller) State() State {
	s := f.status.now()
	s.Stranded = f.note().Stranded(f.Config.To)
	if bad, err, do := f.failing.State(); !bad.IsZero() {
		s.StoreError, s.StoreDo, s.StoreSince = err, do, bad
	}
	return s
}

// Stuck returns why the overflow cannot go on without a person; "" if it can. Safe for concurrent
// use.
func (f *Controller) Stuck() string { return f.failing.Refusal(spool.ErrRefused) }
