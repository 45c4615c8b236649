package spool

import "time"

// Flush has each log's cut made and archived as soon as the one before is, whatever the roll
// policies say. It does not wait: what it returns tells how far that is. Safe for concurrent use.
func (a *Archiver) Flush() *Flushed {
	a.flushes.Add(1)
	a.board.mu.Lock()
	defer a.board.mu.Unlock()
	f := &Flushed{a: a, at: time.Now()}
	for _, s := range a.board.logs {
		f.logs = append(f.logs, s)
	}
	return f
}

// Flushed is what was open when Flush was called. Safe for concurrent use.
type Flushed struct {
	a    *Archiver
	at   time.Time
	logs []*toldCuts // guarded by a.board.mu
}

// Left returns how many records of it are not archived yet, and how many will not be by this drain
// of their log, which has ended or begun anew.
func (f *Flushed) Left() (waiting, released int64) {
	f.a.board.mu.Lock()
	defer f.a.board.mu.Unlock()
	for _, s := range f.logs {
		n := int64(0)
		if !s.Since.After(f.at) {
			n = s.Records
		}
		if !s.storingBegan.After(f.at) {
			n += s.Storing
		}
		if s.left {
			released += n
		} else {
			waiting += n
		}
	}
	return waiting, released
}

// Refused reports whether the store has refused, since the flush, what only a person can mend.
func (f *Flushed) Refused() bool {
	failing := f.a.failing
	return len(failing.conflicts.reasons()) > 0 ||
		failing.store.Refusal(ErrRefused) != "" && failing.store.Outage().LastAt.After(f.at)
}
