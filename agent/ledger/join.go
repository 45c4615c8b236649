package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record/tally"
)

// gone is how long an agent may publish nothing until the others do not wait for it.
const gone = 10 * time.Minute

// clockSkew is how much the clocks of two agents may differ.
const clockSkew = 2 * time.Second

// join compares what agents have had acknowledged with what the next ones have read.
type join struct {
	pages       []*Page
	since       time.Time
	latest      map[string]time.Time // when each agent has published
	newest      time.Time
	differences []tally.Difference
	notes       []string
}

func newJoin(pages []*Page, since time.Time) *join {
	j := &join{pages: pages, since: since, latest: map[string]time.Time{}}
	for _, p := range pages {
		if p.Published.After(j.latest[p.Agent]) {
			j.latest[p.Agent] = p.Published
		}
		if p.Published.After(j.newest) {
			j.newest = p.Published
		}
	}
	return j
}

// hop is a way from agents to the next.
type hop struct {
	name, output, origin string
	sent, read           sums
	waiting, uncounted   int64 // at the reader: behind what it has counted, and not counted at all
	unsent               int64 // at the sender: may have arrived already
	silent               []string
}

// sums are records by the minute in which they were read.
type sums map[time.Time]int64

// acknowledged adds what was, and returns what waits. Of an hour, it counts as sent at its
// beginning.
func (s sums) acknowledged(lines []tally.Line) (waiting int64) {
	for i := range lines {
		l := &lines[i]
		s[l.From.UTC()] += acknowledged(l)
		waiting += l.Waiting
	}
	return waiting
}

// read adds what was. Of an hour, it counts as read at its end.
func (s sums) read(l *tally.Line) {
	s[l.From.Add(l.Span-time.Minute).UTC()] += l.Counts[tally.Read.String()].Records
}

func acknowledged(l *tally.Line) int64 {
	return l.Counts[tally.Delivered.String()].Records +
		l.Counts[tally.Confirmed.String()].Records + l.Counts[tally.Replayed.String()].Records
}

// asOf returns the lines of a page as it was at some time; none if that is not known.
func (p *Page) asOf(at time.Time) []tally.Line {
	switch {
	case !p.Published.After(at):
		return p.Lines
	case p.Before != nil && !p.Before.Published.After(at):
		return p.Before.Lines
	}
	return nil
}

// heard returns as of when all of these agents have published, but for those that have not for
// long, which it names.
func (j *join) heard(agents map[string]bool) (at time.Time, silent []string) {
	at = j.newest
	for a := range agents {
		switch t := j.latest[a]; {
		case j.newest.Sub(t) > gone:
			silent = append(silent, fmt.Sprintf(
				"%s has published nothing since %s", a, t.UTC().Format("2006-01-02 15:04:05"),
			))
		case t.Before(at):
			at = t
		}
	}
	slices.Sort(silent)
	return at, silent
}

// forward compares outputs with the forward inputs they send to, by the origins of records.
func (j *join) forward() {
	var readers []*Page
	agents := map[string]bool{}
	known := map[string]bool{} // origins that were read by somebody
	shared := false
	for _, p := range j.pages {
		if !slices.ContainsFunc(p.From, func(e End) bool { return e.is("forward") }) {
			continue
		}
		readers, agents[p.Agent] = append(readers, p), true
		for _, l := range p.Lines {
			host, _, _ := strings.Cut(l.Origin, "/")
			known[host] = true
			shared = shared || l.Origin == ""
		}
	}
	if len(readers) == 0 {
		return
	}
	at, silent := j.heard(agents)
	hops := map[string]*hop{}
	for _, p := range j.pages {
		for _, o := range p.To {
			if !o.is("forward") {
				continue
			}
			if i := slices.IndexFunc(p.Hosts, func(h string) bool { return known[h] }); i >= 0 {
				j.sendForward(hops, p, o.ID, p.Hosts[i], at)
			} else if len(p.Lines) > 0 {
				j.notes = append(j.notes, fmt.Sprintf(
					"%s sends by %s to somebody who has published nothing of it: another program, an agent without an audit block, or one that knows it by an address only (give both a shared_key)",
					p.Agent, o.ID,
				))
			}
		}
	}
	if shared {
		j.notes = append(j.notes, "a forwarder has more origins than it counts one by one: what it was sent is not compared by origin")
		return
	}
	for _, p := range readers {
		for _, l := range firstOutputs(p.Lines) {
			if h := hops[l.Origin]; h != nil {
				h.read.read(&l)
			}
		}
	}
	for _, h := range hops {
		h.silent = silent
		j.compare(h)
	}
}

func (j *join) sendForward(hops map[string]*hop, p *Page, output, host string, at time.Time) {
	lines := func(all []tally.Line) map[string][]tally.Line {
		by := map[string][]tally.Line{}
		for _, l := range all {
			if l.Output == output && l.Origin != "" {
				by[l.Origin] = append(by[l.Origin], l)
			}
		}
		return by
	}
	for origin, all := range lines(p.Lines) {
		key := host + "/" + origin
		h := hops[key]
		if h == nil {
			h = &hop{
				name: p.Agent + "/" + p.Pipeline, output: output, origin: origin,
				sent: sums{}, read: sums{},
			}
			hops[key] = h
		}
		settled := sums{}
		settled.acknowledged(lines(p.asOf(at))[origin])
		latest := sums{}
		h.unsent += latest.acknowledged(all)
		for m, n := range latest {
			h.sent[m] += settled[m]
			h.unsent += n - settled[m]
		}
	}
}

// firstOutputs returns the lines of the first output of each row.
func firstOutputs(lines []tally.Line) []tally.Line {
	type row struct {
		from   time.Time
		span   time.Duration
		origin string
	}
	seen := map[row]bool{}
	return slices.DeleteFunc(slices.Clone(lines), func(l tally.Line) bool {
		at := row{l.From, l.Span, l.Origin}
		was := seen[at]
		seen[at] = true
		return was
	})
}

// kafka compares what was produced to a topic with what each pipeline has read from there.
func (j *join) kafka() {
	type audience struct{ topic, pipeline string }
	audiences := map[audience][]*Page{}
	for _, p := range j.pages {
		for _, in := range p.From {
			for _, topic := range in.Topics {
				if in.is("kafka") {
					at := audience{topic, p.Pipeline}
					audiences[at] = append(audiences[at], p)
				}
			}
		}
	}
	for at, readers := range audiences {
		agents := map[string]bool{}
		var brokers []string
		for _, p := range readers {
			agents[p.Agent] = true
			for _, in := range p.From {
				brokers = append(brokers, in.Brokers...)
			}
		}
		h := &hop{origin: "topic " + at.topic, read: sums{}, sent: sums{}}
		var heard time.Time
		heard, h.silent = j.heard(agents)
		var senders []string
		for _, p := range j.pages {
			for _, o := range p.To {
				if o.is("kafka") && slices.Contains(o.Topics, at.topic) &&
					slices.ContainsFunc(o.Brokers, func(b string) bool {
						return slices.Contains(brokers, b)
					}) {
					senders = append(senders, p.Agent+"/"+p.Pipeline)
					h.output = o.ID
					h.produced(p, o.ID, heard)
				}
			}
		}
		if len(senders) == 0 {
			continue // others produce it
		}
		slices.Sort(senders)
		senders = slices.Compact(senders)
		h.name = senders[0]
		if len(senders) > 1 {
			h.name = fmt.Sprintf("%s and %d more", senders[0], len(senders)-1)
		}
		h.name += " to " + at.pipeline
		h.consumed(readers, at.topic)
		j.compare(h)
	}
}

func (h *hop) produced(p *Page, output string, at time.Time) {
	of := func(lines []tally.Line) (mine []tally.Line) {
		for _, l := range lines {
			if l.Output == output {
				mine = append(mine, l)
			}
		}
		return mine
	}
	settled, latest := sums{}, sums{}
	settled.acknowledged(of(p.asOf(at)))
	h.unsent += latest.acknowledged(of(p.Lines))
	for m, n := range latest {
		h.sent[m] += settled[m]
		h.unsent += n - settled[m]
	}
}

// consumed adds what was read from a topic, and what is known to be missing in that: positions that
// wait, and those between the ones that are counted, which an agent had committed when it was
// killed.
func (h *hop) consumed(readers []*Page, topic string) {
	mine := func(log string) bool {
		i := strings.LastIndexByte(log, '/')
		return i >= 0 && log[:i] == topic
	}
	ranges := map[string][]Range{}
	waits := map[string]time.Time{}
	waiting := map[string]int64{}
	for _, p := range readers {
		for _, l := range firstOutputs(p.Lines) {
			if mine(l.Origin) {
				h.read.read(&l)
			}
		}
		for _, r := range p.Ranges {
			if !mine(r.Log) {
				continue
			}
			ranges[r.Log] = append(ranges[r.Log], r)
			if r.First == r.End && p.Published.After(waits[r.Log]) {
				waits[r.Log], waiting[r.Log] = p.Published, r.Waiting
			}
		}
	}
	for log, all := range ranges {
		h.waiting += waiting[log]
		slices.SortFunc(all, func(x, y Range) int { return cmp.Compare(x.First, y.First) })
		end := all[0].First
		for _, r := range all {
			h.uncounted += max(r.First-end, 0)
			end = max(end, r.End)
		}
	}
}

// compare names what was lost or added on a hop, by minute.
//
// With d(m) = sent up to minute m - read up to m: d(m) is what was lost until then, and what was on
// its way, which is not negative. How much was lost or added is d after all minutes. Where counting
// began in the middle, something was on its way already: then it is d against its least before the
// time that is asked for, and the less certain of d with and without the last minute counts. What
// waits at the reader, and what it may have read and not counted, is no loss; what the sender is
// not told to have arrived, and may have, is no addition. Where d has ever been below zero the
// clocks may differ, and as much as that explains is nothing.
func (j *join) compare(h *hop) {
	minutes := slices.Collect(maps.Keys(h.sent))
	for m := range h.read {
		if _, both := h.sent[m]; !both {
			minutes = append(minutes, m)
		}
	}
	if len(minutes) == 0 {
		return
	}
	slices.SortFunc(minutes, time.Time.Compare)
	last := len(minutes) - 1
	ahead := make([]int64, last+1) // d of each minute
	most, base, d := int64(0), int64(math.MaxInt64), int64(0)
	for i, m := range minutes {
		d += h.sent[m] - h.read[m]
		ahead[i] = d
		most = max(most, h.sent[m])
		if m.Before(j.since) {
			base = min(base, d)
		}
	}
	low, high := d, d
	if base == math.MaxInt64 {
		base = 0 // it has counted all
	} else if last > 0 {
		low, high = min(d, ahead[last-1]), max(d, ahead[last-1])
	}
	skew := int64(0)
	if least := slices.Min(ahead); least < 0 && d >= 0 {
		skew = min(-least, int64(float64(most)*clockSkew.Minutes())+1)
	}
	if lost := low - base - h.waiting - h.uncounted - skew; lost > 0 {
		j.share(h, minutes, losses(ahead), lost, ahead[0] >= lost)
	}
	if added := base - high - h.unsent - skew; added > 0 {
		j.share(h, minutes, additions(ahead), -added, ahead[0] < 0)
	}
}

// losses returns by how much the least that is ever ahead from a minute on has grown with it; the
// last is after all is over, and tells nothing.
func losses(ahead []int64) []int64 {
	steps := make([]int64, len(ahead))
	least := int64(math.MaxInt64)
	for i := len(ahead) - 2; i > 0; i-- {
		least = min(least, ahead[i])
		steps[i] = max(least-ahead[i-1], 0)
	}
	return steps
}

// additions returns by how much each minute is below all before it.
func additions(ahead []int64) []int64 {
	steps := make([]int64, len(ahead))
	low := ahead[0]
	for i := 1; i < len(ahead)-1; i++ {
		steps[i] = max(low-ahead[i], 0)
		low = min(low, ahead[i])
	}
	return steps
}

// share names n records in the minutes with the largest steps; what is left, and may be hidden by
// what is always on its way, in the first or the last.
func (j *join) share(h *hop, minutes []time.Time, steps []int64, n int64, first bool) {
	sign, rest := int64(1), n
	if n < 0 {
		sign, rest = -1, -n
	}
	order := make([]int, len(steps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(steps[y], steps[x]) })
	for _, i := range order {
		part := min(steps[i], rest)
		j.differs(h, minutes[i], sign*part)
		rest -= part
	}
	at := minutes[len(minutes)-1]
	if first {
		at = minutes[0]
	}
	j.differs(h, at, sign*rest)
}

func (j *join) differs(h *hop, minute time.Time, missing int64) {
	if missing == 0 || !minute.Add(time.Minute).After(j.since) {
		return
	}
	explain := "the sender was told that they have arrived, and the receiver has not counted them: its disk was lost with them, its brokers have lost or deleted them before they were read, or something in between has acknowledged and dropped them"
	if missing < 0 {
		explain = "the receiver has read more than any agent was told to have arrived: sent again after a failure (delivery = \"at_least_once\"), or sent by somebody who publishes no counts"
	}
	if len(h.silent) > 0 {
		explain += "; " + strings.Join(h.silent, ", ")
	}
	j.differences = append(j.differences, tally.Difference{
		Pipeline: h.name, From: minute, Span: time.Minute, Origin: h.origin, Output: h.output,
		After: tally.Delivered.String(), Before: "read by the next agent", Missing: missing,
		Explain: explain,
	})
}
