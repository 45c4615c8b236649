package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
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
	lives       map[lifeKey]*life
	newest      time.Time
	clusters    names
	removed     map[output][]*lost // of buffers that are gone, oldest first
	between     []*lost            // agents, by output and input forward, oldest first
	differences []*lost
	notes       []string
}

// output is one of a life's pipeline.
type output struct {
	of lifeKey
	id string
}

// lost is a difference, of which so many turn out to have arrived.
type lost struct {
	tally.Difference
	arrived int64
	readers []lifeKey // that have read what came before, or after
}

func newJoin(pages []*Page, since time.Time) *join {
	j := &join{
		pages: pages, since: since, lives: livesOf(pages), clusters: clustersOf(pages),
		removed: map[output][]*lost{},
	}
	for _, l := range j.lives {
		if l.latest.After(j.newest) {
			j.newest = l.latest
		}
	}
	end(j.lives, j.newest)
	j.lookForRemoved()
	return j
}

// found returns what is named, but for what was read before the time asked for.
func (j *join) found() (out []tally.Difference) {
	all := j.differences
	for _, list := range j.removed {
		all = append(all, list...)
	}
	for _, d := range all {
		d.Missing -= d.arrived
		if d.Missing != 0 && d.From.Add(d.Span).After(j.since) {
			out = append(out, d.Difference)
		}
	}
	return out
}

// hop is a way from agents to the next.
type hop struct {
	name, output, origin string
	sent, read           sums
	waiting, uncounted   int64 // at the reader: behind what it has counted, and not counted at all
	queued, unsent       int64 // at the sender: may have arrived, as of now and since then
	silent               []string
	removed              []output // its senders that are gone
	readers              []lifeKey
	senders              []string
	unknown              time.Time // until then it is not known what was sent
}

// sums are records by the minute in which they were read.
type sums map[time.Time]int64

// acknowledged adds what was, and returns what waits, and what is in the overflow. Of an hour, it
// counts as sent at its beginning.
func (s sums) acknowledged(lines []tally.Line) (waiting, stored int64) {
	for i := range lines {
		l := &lines[i]
		s[l.From.UTC()] += acknowledged(l)
		n := func(of tally.Stage) int64 { return l.Counts[of.String()].Records }
		waiting += l.Waiting
		stored += max(n(tally.Overflowed)-n(tally.Replayed), 0)
	}
	return waiting, stored
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

// heard returns as of when all of these have published, but for those that are over, and those that
// have not published for long, which it names.
func (j *join) heard(readers []*Page) (at time.Time, silent []string) {
	at = j.newest
	for _, p := range readers {
		switch l := j.lives[p.life()]; {
		case !l.over.IsZero():
		case j.newest.Sub(l.latest) > gone:
			silent = append(silent, l.silence())
		case l.latest.Before(at):
			at = l.latest
		}
	}
	slices.Sort(silent)
	return at, slices.Compact(silent)
}

// forward compares outputs with the forward inputs they send to, by the origins of records.
func (j *join) forward() {
	var readers []*Page
	known := map[string]bool{} // origins that were read by somebody, and their hosts
	shared := false
	for _, p := range j.pages {
		if !slices.ContainsFunc(p.From, func(e End) bool { return e.is("forward") }) {
			continue
		}
		readers = append(readers, p)
		for _, l := range p.Lines {
			host, _, _ := strings.Cut(l.Origin, "/")
			known[host], known[l.Origin] = true, true
			shared = shared || l.Origin == ""
		}
	}
	if len(readers) == 0 {
		return
	}
	at, silent := j.heard(readers)
	hops, origins := map[string]*hop{}, names{}
	for _, p := range j.pages {
		for origin := range byOrigin(p.Lines) {
			p.join(origins, origin, known)
		}
	}
	for _, p := range j.pages {
		for _, o := range p.To {
			if !o.is("forward") {
				continue
			}
			if p.host(known) != "" {
				j.sendForward(hops, p, o.ID, at, func(origin string) string {
					return p.join(origins, origin, known)
				})
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
			if h := hops[origins.of(l.Origin)]; h != nil {
				h.read.read(&l)
				h.readers = append(h.readers, p.life())
			}
		}
	}
	for _, h := range hops {
		h.silent, h.name = silent, several(h.senders)
		j.compare(h)
	}
	j.between = slices.Clone(j.differences)
	slices.SortStableFunc(j.between, earlier)
}

func (j *join) sendForward(
	hops map[string]*hop, p *Page, output string, at time.Time, key func(origin string) string,
) {
	then := byOrigin(of(output, p.asOf(at)))
	for origin, all := range byOrigin(of(output, p.Lines)) {
		h := hops[key(origin)]
		if h == nil {
			h = &hop{output: output, origin: origin, sent: sums{}, read: sums{}}
			hops[key(origin)] = h
		}
		h.senders = append(h.senders, p.Agent+"/"+p.Pipeline)
		j.send(h, p, output, all, then[origin])
	}
	for origin, all := range byOrigin(p.by("forward")) {
		if h := hops[key(origin)]; h != nil {
			h.delivered(all)
		}
	}
}

// by returns the lines of outputs of a type that are not configured any more: it is not known where
// they have delivered to, so that what is not sent by others may be theirs.
func (p *Page) by(typ string) (lines []tally.Line) {
	for _, l := range p.Lines {
		is := func(e End) bool { return e.ID == l.Output }
		if e := (End{ID: l.Output}); e.is(typ) && !slices.ContainsFunc(p.To, is) {
			lines = append(lines, l)
		}
	}
	return lines
}

// delivered takes note of what may have come by outputs that are not configured any more.
func (h *hop) delivered(lines []tally.Line) {
	for i := range lines {
		l := &lines[i]
		if n := acknowledged(l); n > 0 {
			h.queued += n
			if end := l.From.Add(l.Span); end.After(h.unknown) {
				h.unknown = end
			}
		}
	}
}

// of returns the lines of an output.
func of(output string, lines []tally.Line) (mine []tally.Line) {
	for _, l := range lines {
		if l.Output == output {
			mine = append(mine, l)
		}
	}
	return mine
}

func byOrigin(lines []tally.Line) map[string][]tally.Line {
	by := map[string][]tally.Line{}
	for _, l := range lines {
		if l.Origin != "" {
			by[l.Origin] = append(by[l.Origin], l)
		}
	}
	return by
}

// send adds what a page has of a hop: now, and as of when the receiver has published.
func (j *join) send(h *hop, p *Page, id string, lines, settled []tally.Line) {
	then, now := sums{}, sums{}
	then.acknowledged(settled)
	waiting, stored := now.acknowledged(lines)
	h.queued += stored // whoever brings it back
	if j.lives[p.life()].over.IsZero() {
		h.queued += waiting
	} else if of := (output{p.life(), id}); !slices.Contains(h.removed, of) {
		h.removed = append(h.removed, of)
	}
	for m, n := range now {
		h.sent[m] += then[m]
		h.unsent += n - then[m]
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

// compare names what was lost or added on a hop, by minute.
//
// With d(m) = sent up to minute m - read up to m: d(m) is what was lost until then, and what was on
// its way, which is not negative. How much was lost or added is d after all minutes. Where counting
// began in the middle, something was on its way already: then it is d against its least before the
// time that is asked for, and the less certain of d with and without the last minute counts. So it
// is where it is not known what was sent until some time. What waits at the reader, and what it may
// have read and not counted, is no loss; what the sender is not told to have arrived, and may have,
// is no addition. Where d has ever been below zero the clocks may differ, and as much as that
// explains is nothing.
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
	sort.Slice(minutes, func(i, j int) bool { return minutes[i].Before(minutes[j]) })
	last := len(minutes) - 1
	ahead := make([]int64, last+1) // d of each minute
	most, base, d, least := int64(0), int64(math.MaxInt64), int64(0), int64(0)
	for i, m := range minutes {
		d += h.sent[m] - h.read[m]
		ahead[i] = d
		most = max(most, h.sent[m])
		if m.Before(j.since) {
			base = min(base, d)
		}
		if m.Before(h.unknown) {
			least = min(least, d)
		}
	}
	low, high := d, d
	if base == math.MaxInt64 {
		base = 0 // it has counted all
	} else if last > 0 {
		low, high = min(d, ahead[last-1]), max(d, ahead[last-1])
	}
	base = min(base, least)
	skew := int64(0)
	clocks := int64(float64(most)*clockSkew.Minutes()) + 1
	if least < 0 {
		skew = clocks
	} else if least := slices.Min(ahead); least < 0 && d >= 0 {
		skew = min(-least, clocks)
	}
	if lost := low - base - h.waiting - h.uncounted - skew; lost > 0 {
		j.share(h, minutes, losses(ahead), lost, ahead[0] >= lost)
	}
	settled := high
	if last > 0 && minutes[last].After(j.removedAt(h)) { // what is on its way is in the last minute
		settled = max(d, ahead[last-1])
	}
	may := base - settled - h.unsent - skew
	if least < 0 {
		may += 2 * skew // in doubt it has arrived
	}
	explained := j.arrived(h, may)
	if added := base - high - h.unsent - h.queued - skew - explained; added > 0 {
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
	if missing == 0 {
		return
	}
	if l := j.uncounted(h, minute); l != nil && missing < 0 {
		j.notes = append(j.notes, fmt.Sprintf(
			"%d records of %s, read about %s, may be what %s/%s has delivered since %s, when it published last: its buffer was removed",
			-missing, h.origin, tally.When(minute, time.Minute), l.agent, l.pipeline,
			l.latest.UTC().Format(stamp),
		))
		return
	}
	explain := "the sender was told that they have arrived, and the receiver has not counted them: its disk was lost with them, its brokers have lost or deleted them before they were read, or something in between has acknowledged and dropped them"
	if missing < 0 {
		explain = "the receiver has read more than any agent was told to have arrived: sent again after a failure (delivery = \"at_least_once\"), or sent by somebody who publishes no counts"
	}
	if len(h.silent) > 0 {
		explain += "; " + strings.Join(h.silent, ", ")
	}
	j.differences = append(j.differences, &lost{Difference: tally.Difference{
		Pipeline: h.name, From: minute, Span: time.Minute, Origin: h.origin, Output: h.output,
		After: tally.Delivered.String(), Before: "read by the next agent", Missing: missing,
		Explain: explain,
	}, readers: h.readers})
}
