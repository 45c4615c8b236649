package e2e

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"
)

// arrival is a record as a reader got it.
type arrival struct {
	life      int // of the topic, which is deleted and made again
	partition int
	offset    int64
	at        time.Time // when the broker appended it
	key       string    // "" where the source decides on the partition
	line
}

// span is the time that a kill or a fault lasted.
type span struct {
	what     string
	from, to time.Time
}

// excuse knows when what an agent has sent may come again: README, "Duplicates".
type excuse struct {
	kills  []span        // of the agent
	faults []span        // of the cluster, which keep what was sent unanswered
	margin time.Duration // how long an acknowledgement may take to be on disk
}

// spareBefore is how long before a fault an agent is killed at the latest for the fault to have
// nothing to do with what was on its way then.
const spareBefore = 2 * time.Second

// holds reports whether a record that was appended at first, and again later, had been sent and not
// been acknowledged when the agent was killed. A fault at that time may have kept it unanswered
// since its beginning, or let it be appended only at its end, and so may those before and after it
// without a gap.
func (e excuse) holds(first, again time.Time) bool {
	for _, k := range e.kills {
		m := span{from: k.from, to: k.to}
		for _, f := range e.faults {
			if f.meets(k, e.margin) {
				m.take(f)
			}
		}
		for grown := true; grown; {
			grown = false
			for _, f := range e.faults {
				if f.from.Before(m.to) && m.from.Before(f.to) {
					grown = m.take(f) || grown
				}
			}
		}
		lo, hi := m.from.Add(-e.margin), m.to.Add(e.margin)
		if !first.Before(lo) && !first.After(hi) && again.After(k.from.Add(-time.Second)) {
			return true
		}
	}
	return false
}

// meets reports whether a kill may have come while something was unanswered because of the fault.
func (f span) meets(kill span, margin time.Duration) bool {
	return f.from.Before(kill.to.Add(spareBefore)) && kill.from.Add(-margin).Before(f.to)
}

// take makes the span hold another one, and reports whether it did not.
func (f *span) take(other span) (grown bool) {
	if other.from.Before(f.from) {
		f.from, grown = other.from, true
	}
	if other.to.After(f.to) {
		f.to, grown = other.to, true
	}
	return grown
}

// verdict is what is wrong with what arrived, and how much came again that may.
type verdict struct {
	repeated, excused, disordered int
	notes                         []string
}

func (v *verdict) note(format string, args ...any) {
	if len(v.notes) < 20 {
		v.notes = append(v.notes, fmt.Sprintf(format, args...))
	}
}

// judge looks for lines that came more than once, and for lines that came late.
//
// Order is that of a source, or of its lines with one key, within a partition. Over the whole topic
// there is none: where a source or a key belongs depends on how many partitions there are, which
// changes. After a kill that may be another number, by which what a dead partition had not taken
// goes to one that has taken later lines with other keys. What comes again does not count.
func judge(arrivals []arrival, e excuse) (v verdict) {
	byTime := slices.Clone(arrivals)
	slices.SortStableFunc(byTime, func(a, b arrival) int {
		return cmp.Or(
			a.at.Compare(b.at), cmp.Compare(a.life, b.life), cmp.Compare(a.partition, b.partition),
			cmp.Compare(a.offset, b.offset),
		)
	})
	last := map[line]arrival{}
	type where struct{ life, partition int }
	firsts := map[where][]arrival{}
	for _, a := range byTime {
		before, seen := last[a.line]
		last[a.line] = a
		switch {
		case !seen:
			w := where{a.life, a.partition}
			firsts[w] = append(firsts[w], a)
		case e.holds(before.at, a.at):
			v.excused++
		default:
			v.repeated++
			v.note("%s %d came again: at %s, and at %s", a.source, a.seq, before, a)
		}
	}
	for _, list := range firsts {
		slices.SortFunc(list, func(a, b arrival) int { return cmp.Compare(a.offset, b.offset) })
		highest := map[[2]string]arrival{}
		for _, a := range list {
			if h, any := highest[[2]string{a.source, a.key}]; any && a.seq < h.seq {
				v.disordered++
				v.note("%s %d came late: %d at %s, and it at %s", a.source, a.seq, h.seq, h, a)
				continue
			}
			highest[[2]string{a.source, a.key}] = a
		}
	}
	return v
}

func (a arrival) String() string {
	return fmt.Sprintf("%s (%d/%d/%d)", a.at.Format("15:04:05.000"), a.life, a.partition, a.offset)
}

func TestTheJudgeFindsWhatCameAgainOrLate(t *testing.T) {
	t.Parallel()
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(seconds float64) time.Time { return base.Add(time.Duration(seconds * float64(time.Second))) }
	come := func(seconds float64, partition int, offset, seq int64) arrival {
		return arrival{partition: partition, offset: offset, at: at(seconds), line: line{"a", seq}}
	}
	kill := []span{{"kill", at(10), at(10.1)}}
	fault := []span{{"frozen", at(5), at(20)}}
	chain := []span{
		{"frozen", at(1), at(4)},
		{"killed", at(-5), at(0.5)},
		{"throttled", at(3), at(9.5)},
	}
	for name, c := range map[string]struct {
		arrivals []arrival
		excuse   excuse
		want     verdict
	}{
		"in order":                                {[]arrival{come(1, 0, 0, 0), come(1, 0, 1, 1)}, excuse{}, verdict{}},
		"late":                                    {[]arrival{come(1, 0, 0, 1), come(1, 0, 1, 0)}, excuse{}, verdict{disordered: 1}},
		"with another key":                        {[]arrival{come(1, 0, 0, 1), {at: at(2), offset: 1, key: "k", line: line{"a", 0}}}, excuse{}, verdict{}},
		"in another partition":                    {[]arrival{come(1, 0, 0, 1), come(2, 1, 0, 0)}, excuse{}, verdict{}},
		"again":                                   {[]arrival{come(1, 0, 0, 0), come(2, 0, 1, 0)}, excuse{}, verdict{repeated: 1}},
		"again in another life":                   {[]arrival{come(1, 0, 0, 0), {life: 1, at: at(2), line: line{"a", 0}}}, excuse{}, verdict{repeated: 1}},
		"again after a kill":                      {[]arrival{come(9, 0, 0, 0), come(12, 0, 1, 0)}, excuse{kills: kill, margin: time.Second}, verdict{excused: 1}},
		"again before a kill":                     {[]arrival{come(8.5, 0, 0, 0), come(8.8, 0, 1, 0)}, excuse{kills: kill, margin: 2 * time.Second}, verdict{repeated: 1}},
		"again, long acknowledged":                {[]arrival{come(6, 0, 0, 0), come(12, 0, 1, 0)}, excuse{kills: kill, margin: time.Second}, verdict{repeated: 1}},
		"again, unanswered because of a fault":    {[]arrival{come(6, 0, 0, 0), come(12, 0, 1, 0)}, excuse{kills: kill, faults: fault, margin: time.Second}, verdict{excused: 1}},
		"again, unanswered because of two faults": {[]arrival{come(1.5, 0, 0, 0), come(12, 0, 1, 0)}, excuse{kills: kill, faults: chain, margin: time.Second}, verdict{excused: 1}},
		"again, from before two faults":           {[]arrival{come(-1, 0, 0, 0), come(12, 0, 1, 0)}, excuse{kills: kill, faults: chain, margin: time.Second}, verdict{repeated: 1}},
		"again after a fault without a kill":      {[]arrival{come(6, 0, 0, 0), come(12, 0, 1, 0)}, excuse{faults: fault, margin: time.Second}, verdict{repeated: 1}},
		"again out of order":                      {[]arrival{come(1, 0, 0, 0), come(1, 0, 1, 1), come(2, 0, 2, 0), come(2, 0, 3, 1), come(2, 0, 4, 2)}, excuse{}, verdict{repeated: 2}},
	} {
		got := judge(c.arrivals, c.excuse)
		got.notes = nil
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
