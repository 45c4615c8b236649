package protocol

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// A simulated topic whose records carry event times: most of clocks that are late by at most
// simJitter, some of clocks that are far ahead, some none at all. Partitions may stay empty,
// readers lag and start again, and the owner of the first one marks hours.

const (
	simMinute = 60 * 1000
	simHour   = 60 * simMinute
	simJitter = 5 * simMinute
	simGrace  = 10 * simMinute
	simIdle   = 30 * simMinute
)

type timedRecord struct {
	at     int64 // event time; 0 for none
	own    int64
	honest bool
}

type timedPartition struct {
	recs      []timedRecord
	committed int
	note      Progress
	clock     Clock
	read      int
	empty     bool // never gets a record
	untimed   bool // gets none with an event time
	prone     bool // the next record is honest: a wrong clock does not speak twice in a row
}

type completeWorld struct {
	rng   *rand.Rand
	now   int64
	parts []*timedPartition
	broke func(c *Clock, r timedRecord, now int64) // replaces the clock's rule, to be found
	marks map[int64]bool
	far   int
}

func newCompleteWorld(seed uint64) *completeWorld {
	w := &completeWorld{
		rng:   rand.New(rand.NewPCG(seed, 2)),
		now:   1_800_000_000_000 / simHour * simHour,
		marks: map[int64]bool{},
	}
	for i := range 1 + w.rng.IntN(4) {
		p := &timedPartition{empty: w.rng.IntN(4) == 0, untimed: w.rng.IntN(6) == 0}
		if i == 0 {
			p.empty = w.rng.IntN(2) == 0
		}
		p.clock = NewClock(0, simIdle, w.now)
		w.parts = append(w.parts, p)
	}
	return w
}

func (w *completeWorld) append(p *timedPartition) {
	r := timedRecord{own: w.now, at: w.now - w.rng.Int64N(simJitter), honest: true}
	switch n := w.rng.IntN(10); {
	case p.untimed, n == 0:
		r.at, r.honest = 0, false
	case n == 1 && p.prone:
		// ahead by up to four hours; if it is the record's own time too, there is nothing to hold
		// it against
		r.at, r.honest = w.now+1+w.rng.Int64N(4*simHour), false
		if w.rng.IntN(2) == 0 {
			r.own = r.at
		}
		w.far++
	}
	if r.at > 0 {
		p.prone = r.honest
	}
	p.recs = append(p.recs, r)
}

func (w *completeWorld) readOne(p *timedPartition) {
	r := p.recs[p.read]
	p.read++
	switch {
	case w.broke != nil:
		w.broke(&p.clock, r, w.now)
	case r.at == 0:
		p.clock.Untimed(r.own, w.now)
	default:
		p.clock.Timed(r.at, r.own, w.now)
	}
}

// commit archives what was read.
func (p *timedPartition) commit() {
	p.committed = p.read
	p.note.Watermark = max(p.note.Watermark, p.clock.Mark())
	if first := p.clock.First(); first > 0 && p.note.First == 0 {
		p.note.First = first/simHour*simHour - 24*simHour
	}
}

// check marks what the owner of the first partition finds complete.
func (w *completeWorld) check() error {
	notes := map[int32]Progress{}
	for i, p := range w.parts {
		notes[int32(i)] = p.note
	}
	p := w.parts[0]
	from, limit, ok := Frontier(0, p.note, notes, w.now)
	if !ok {
		return nil
	}
	if p.note.Completed > 0 && from != p.note.Completed {
		return fmt.Errorf("it was complete up to %d, and begins at %d", p.note.Completed, from)
	}
	for h := from / simHour * simHour; h+simHour <= limit-simGrace; h += simHour {
		w.marks[h] = true
		p.note.Completed = h + simHour
		for i, p := range w.parts {
			for j, r := range p.recs[p.committed:] {
				if r.honest && r.at >= h && r.at < h+simHour {
					return fmt.Errorf(
						"hour %d was marked, and record %d of partition %d is not archived",
						h/simHour, p.committed+j, i,
					)
				}
			}
		}
	}
	return nil
}

func (w *completeWorld) run(steps int) error {
	for range steps {
		p := w.parts[w.rng.IntN(len(w.parts))]
		switch n := w.rng.IntN(100); {
		case n < 35:
			w.now += w.rng.Int64N(2 * simMinute)
		case n < 36:
			w.now += w.rng.Int64N(3 * simHour) // a night without records, or an outage
		case n < 60:
			if !p.empty {
				w.append(p)
			}
		case n < 85:
			for range w.rng.IntN(6) {
				if p.read < len(p.recs) {
					w.readOne(p)
				}
			}
		case n < 94:
			p.commit()
		case n < 95: // another owner: it knows the note alone
			p.read, p.clock = p.committed, NewClock(p.note.Watermark, simIdle, w.now)
		case n < 97:
			if p.read == len(p.recs) && p.clock.IsIdle(w.now) {
				p.clock.AtEnd(w.now)
			}
		default:
			if err := w.check(); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle lets everything be read and time pass: then each hour that holds something is marked.
func (w *completeWorld) settle() error {
	for range 2 {
		w.now += simHour + simIdle + simGrace
		for _, p := range w.parts {
			for p.read < len(p.recs) {
				w.readOne(p)
			}
			if p.clock.IsIdle(w.now) {
				p.clock.AtEnd(w.now)
			}
			p.commit()
		}
	}
	end := w.now - simIdle - simGrace
	if err := w.check(); err != nil {
		return err
	}
	for i, p := range w.parts {
		for _, r := range p.recs {
			if h := r.at / simHour * simHour; r.honest && h+simHour <= end && !w.marks[h] {
				return fmt.Errorf(
					"partition %d has a record of hour %d, which is never marked", i, h/simHour,
				)
			}
		}
	}
	return nil
}

// No hour is marked before all of it is archived, whatever a clock says; and each is in the end.
func TestCompletenessSimulation(t *testing.T) {
	seed := runtest.Seed(t)
	marks, far := 0, 0
	for i := range uint64(1000) {
		w := newCompleteWorld(seed + i)
		if err := w.run(2000); err != nil {
			t.Fatalf("world seed %d: %v", seed+i, err)
		}
		if err := w.settle(); err != nil {
			t.Fatalf("world seed %d: at the end: %v", seed+i, err)
		}
		marks += len(w.marks)
		far += w.far
	}
	if marks < 10_000 || far < 1000 {
		t.Errorf("only %d hours were marked, with %d times in the future", marks, far)
	}
}

// A rule that is broken on purpose is found, or the simulation proves nothing.
func TestCompletenessSimulationFindsBrokenRules(t *testing.T) {
	for name, broke := range map[string]func(c *Clock, r timedRecord, now int64){
		"the latest time is believed": func(c *Clock, r timedRecord, _ int64) { c.mark = max(c.mark, r.at); c.first = max(c.first, r.at) },
		"times up to the present are believed": func(c *Clock, r timedRecord, now int64) {
			if r.at <= now {
				c.mark, c.first = max(c.mark, r.at), max(c.first, r.at)
			}
		},
		"records without time are nothing": func(c *Clock, r timedRecord, now int64) {
			if r.at > 0 {
				c.Timed(r.at, r.own, now)
			} else {
				c.timedAt = now
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			seed := runtest.Seed(t)
			for i := range uint64(1000) {
				w := newCompleteWorld(seed + i)
				w.broke = broke
				err := w.run(2000)
				if err == nil && name == "records without time are nothing" {
					err = w.busy()
				}
				if err != nil {
					return
				}
			}
			t.Fatal("nothing found")
		})
	}
}

// busy lets records without time come for a day and a half: hours are marked all the same.
func (w *completeWorld) busy() error {
	for range 300 {
		w.now += 7 * simMinute
		for _, p := range w.parts {
			if p.untimed {
				p.recs = append(p.recs, timedRecord{own: w.now})
			} else {
				p.recs = append(p.recs, timedRecord{own: w.now, at: w.now, honest: true})
			}
			for p.read < len(p.recs) {
				w.readOne(p)
			}
			p.commit()
		}
		if err := w.check(); err != nil {
			return err
		}
	}
	timed := false
	for _, p := range w.parts {
		timed = timed || !p.untimed
	}
	if last := w.now/simHour*simHour - 3*simHour; timed && !w.marks[last] {
		return fmt.Errorf("hour %d is not marked, three hours later", last/simHour)
	}
	return nil
}

func TestRecordsWithoutTimeDoNotHoldUpCompleteness(t *testing.T) {
	seed := runtest.Seed(t)
	for i := range uint64(200) {
		w := newCompleteWorld(seed + i)
		if err := w.run(500); err != nil {
			t.Fatal(err)
		}
		if err := w.busy(); err != nil {
			t.Fatalf("world seed %d: %v", seed+i, err)
		}
	}
}
