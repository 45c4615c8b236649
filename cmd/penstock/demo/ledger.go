package demo

import (
	"fmt"
	"sort"
	"sync"

	"github.com/tidwall/gjson"
)

// Ledger counts lines by source and number: which were seen, how often, and in what order. Safe for
// concurrent use.
type Ledger struct {
	mu      sync.Mutex
	sources map[string]*account
	strange []string
}

type account struct {
	seen  []uint16 // times each number was seen
	count int64    // different numbers seen
	extra int64    // sightings beyond the first
	high  int64    // highest number seen so far, -1 at first
	// A number first seen after a higher one was: its order is broken. Repetitions do not count.
	disorder int64
	firstBad string
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger { return &Ledger{sources: make(map[string]*account)} }

// See enters one delivered line. A line that is not one of an App's is kept as strange.
func (l *Ledger) See(line []byte) {
	r := gjson.GetManyBytes(line, "source", "seq")
	l.mu.Lock()
	defer l.mu.Unlock()
	if !r[0].Exists() || !r[1].Exists() || !gjson.ValidBytes(line) {
		if len(l.strange) < 10 {
			l.strange = append(l.strange, string(line))
		}
		return
	}
	source, seq := r[0].String(), r[1].Int()
	a := l.sources[source]
	if a == nil {
		a = &account{high: -1}
		l.sources[source] = a
	}
	for int64(len(a.seen)) <= seq {
		a.seen = append(a.seen, make([]uint16, 1024)...)
	}
	a.seen[seq]++
	if a.seen[seq] > 1 {
		a.extra++
		return
	}
	a.count++
	if seq < a.high {
		if a.disorder++; a.firstBad == "" {
			a.firstBad = fmt.Sprintf("%s: %d came after %d", source, seq, a.high)
		}
	}
	a.high = max(a.high, seq)
}

// Distinct returns the number of different lines seen.
func (l *Ledger) Distinct() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var n int64
	for _, a := range l.sources {
		n += a.count
	}
	return n
}

// Balance is a ledger held against what was written.
type Balance struct {
	Written, Seen, Lost, Duplicated, Disordered int64
	Notes                                       []string // the first few of each kind of trouble
}

// Check compares the ledger with what each source has written.
func (l *Ledger) Check(written map[string]int64) Balance {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b Balance
	names := make([]string, 0, len(written))
	for name := range written {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		n := written[name]
		b.Written += n
		a := l.sources[name]
		if a == nil {
			a = &account{}
		}
		b.Seen += a.count
		b.Duplicated += a.extra
		b.Disordered += a.disorder
		if a.firstBad != "" {
			b.Notes = append(b.Notes, a.firstBad)
		}
		for seq := int64(0); seq < n; {
			if seq < int64(len(a.seen)) && a.seen[seq] > 0 {
				seq++
				continue
			}
			from := seq
			for seq < n && (seq >= int64(len(a.seen)) || a.seen[seq] == 0) {
				seq++
			}
			b.Lost += seq - from
			if len(b.Notes) < 20 {
				b.Notes = append(b.Notes, fmt.Sprintf("%s: %d to %d lost", name, from, seq-1))
			}
		}
	}
	for _, s := range l.strange {
		b.Notes = append(b.Notes, "strange line: "+s)
	}
	return b
}

// Strange tells how many delivered lines were not an App's, up to ten.
func (l *Ledger) Strange() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.strange)
}
