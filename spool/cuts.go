package spool

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// CutState is what an archiver has of one log.
type CutState struct {
	Log     string
	Records int64 // in the cut that is being filled
	Bytes   int64
	Since   time.Time // its first record was added

	Storing      int64 // records in the cut before it, which is being stored
	StoringSince time.Time

	Stored        time.Time // the last cut was, since the log is archived here; zero if none was
	StoredRecords int64
	StoredObjects int
}

// toldCuts is what a drain tells of its cuts.
type toldCuts struct {
	CutState
	storingBegan time.Time // the first record of the cut that is being stored was added
	left         bool      // the log is not archived here any more
}

// cutBoard is what the drains tell of their cuts. Safe for concurrent use.
type cutBoard struct {
	mu   sync.Mutex
	logs map[string]*toldCuts
}

// tell changes what is told of a log.
func (b *cutBoard) tell(log string, change func(*toldCuts)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.logs == nil {
		b.logs = map[string]*toldCuts{}
	}
	s := b.logs[log]
	if s == nil {
		s = &toldCuts{CutState: CutState{Log: log}}
		b.logs[log] = s
	}
	change(s)
}

func (b *cutBoard) forget(log string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.logs[log]; s != nil {
		s.left = true
	}
	delete(b.logs, log)
}

// Cuts returns what there is of each log that is being archived, by name. Safe for concurrent use.
func (a *Archiver) Cuts() []CutState {
	a.board.mu.Lock()
	defer a.board.mu.Unlock()
	out := make([]CutState, 0, len(a.board.logs))
	for _, log := range slices.Sorted(maps.Keys(a.board.logs)) {
		out = append(out, a.board.logs[log].CutState)
	}
	return out
}

// DeadLettered returns how many records were archived as dead letters since the start. Safe for
// concurrent use.
func (a *Archiver) DeadLettered() int64 { return a.dead.Load() }

// tellFilling tells of the cut that is being filled.
func (d *drain) tellFilling() {
	c := d.cur
	d.a.board.tell(d.log.Name(), func(s *toldCuts) {
		s.Records, s.Bytes, s.Since = c.records, c.bytes, c.began
	})
}
