package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// audience is who reads a topic together: a consumer group, or where a release did not publish
// which, a pipeline.
type audience struct{ cluster, topic, group string }

// kafka compares what was produced to a topic with what each audience has read from there.
func (j *join) kafka() {
	for at, readers := range j.audiences() {
		name := slices.MaxFunc(readers, func(x, y *Page) int {
			return x.Published.Compare(y.Published)
		}).Pipeline
		h := &hop{origin: "topic " + at.topic, read: sums{}, sent: sums{}}
		var heard time.Time
		heard, h.silent = j.heard(readers)
		for _, p := range j.pages {
			h.delivered(p.by("kafka"))
			for _, o := range p.To {
				if o.is("kafka") && slices.Contains(o.Topics, at.topic) &&
					j.clusters.of(o.Brokers...) == at.cluster {
					h.senders = append(h.senders, p.Agent+"/"+p.Pipeline)
					h.output = o.ID
					j.send(h, p, o.ID, of(o.ID, p.Lines), of(o.ID, p.asOf(heard)))
				}
			}
		}
		if len(h.senders) == 0 {
			continue // others produce it
		}
		if !slices.ContainsFunc(readers, j.goesOn) {
			j.notes = append(j.notes, fmt.Sprintf(
				"pipeline %s read topic %s until it was renamed, removed, or read it as another group: what it had read by then is not compared",
				name, at.topic,
			))
			continue
		}
		h.name = several(h.senders) + " to " + name
		h.consumed(readers, at.topic)
		j.compare(h)
	}
}

// audiences returns the pages of those who read each topic.
func (j *join) audiences() map[audience][]*Page {
	type pipeline struct{ cluster, topic, name string }
	groups := map[pipeline]string{}
	each := func(f func(p *Page, in *End, at pipeline)) {
		for _, p := range j.pages {
			for i := range p.From {
				if in := &p.From[i]; in.is("kafka") {
					for _, topic := range in.Topics {
						f(p, in, pipeline{j.clusters.of(in.Brokers...), topic, p.Pipeline})
					}
				}
			}
		}
	}
	each(func(_ *Page, in *End, at pipeline) {
		if in.Group != "" {
			groups[at] = in.Group
		}
	})
	out := map[audience][]*Page{}
	each(func(p *Page, in *End, at pipeline) {
		who := audience{at.cluster, at.topic, "pipeline " + at.name}
		if group := cmp.Or(in.Group, groups[at]); group != "" {
			who.group = group
		}
		out[who] = append(out[who], p)
	})
	return out
}

// goesOn reports whether a page is of who still does what it says.
func (j *join) goesOn(p *Page) bool {
	l := j.lives[p.life()]
	return l.over.IsZero() && p.Published.Equal(l.latest)
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
		sort.Slice(all, func(i, j int) bool { return all[i].First < all[j].First })
		end := all[0].First
		for _, r := range all {
			h.uncounted += max(r.First-end, 0)
			end = max(end, r.End)
		}
	}
}
