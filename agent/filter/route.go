package filter

import (
	"slices"

	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

// Route is a rule by which records are taken.
type Route struct {
	Match func(tag string) bool // nil: every tag
	If    Expression            // zero: every record of such a tag
}

func (r *Route) matches(tag string) bool { return r.Match == nil || r.Match(tag) }

// Unrouted is what a router does with records that no route takes.
type Unrouted int

const (
	LeaveUnrouted  Unrouted = iota // another router sees to them, or there are none
	CountUnrouted                  // they are counted
	RefuseUnrouted                 // they are counted and go to the dead letter
)

// reasonUnrouted is the reason of dead letters.
const reasonUnrouted = "no route of the pipeline takes it"

// Router is the last filter before an output: it lets pass what the output's routes take.
type Router struct {
	base
	own            []Route // any of them
	takesUnmatched bool    // and what none of all takes
	all            []Route
	unrouted       Unrouted
	agent          string

	errors, none prometheus.Counter
}

// NewRouter returns the filter for an output that takes what one of own says and, with rest, what
// none of all does. One router of a pipeline is to see to the records that no route takes.
func NewRouter(own, all []Route, rest bool, unrouted Unrouted, env Env) *Router {
	return &Router{
		base:           newBase(env),
		own:            own,
		all:            all,
		takesUnmatched: rest,
		unrouted:       unrouted,
		agent:          env.Agent,
		errors: env.counter(
			"penstock_filter_expression_errors_total",
			"Records that an expression could not be evaluated for.",
		),
		none: env.counter(
			"penstock_route_unrouted_records_total",
			"Records that no route takes: they reach no output.",
		),
	}
}

// BatchVerdict implements Filter.
func (f *Router) BatchVerdict(b *record.Batch) Verdict {
	sure := func(list []Route) bool {
		return slices.ContainsFunc(
			list, func(r Route) bool { return r.If.IsZero() && r.matches(b.Tag) },
		)
	}
	possible := func(list []Route) bool {
		return slices.ContainsFunc(list, func(r Route) bool { return r.matches(b.Tag) })
	}
	switch {
	case sure(f.own):
		return Kept
	case f.unrouted != LeaveUnrouted && !sure(f.all):
		return PerRecord
	case !f.takesUnmatched && !possible(f.own), f.takesUnmatched && sure(f.all) && !possible(f.own):
		return Discarded
	case f.takesUnmatched && !possible(f.all):
		return Kept
	}
	return PerRecord
}

// Edit implements Filter.
func (f *Router) Edit(v *View) Verdict {
	if f.takes(f.own, v) {
		return Kept
	}
	if !f.takesUnmatched && f.unrouted == LeaveUnrouted {
		return Discarded
	}
	if f.takes(f.all, v) {
		return Discarded
	}
	if f.takesUnmatched {
		return Kept
	}
	f.none.Inc()
	if f.unrouted == RefuseUnrouted {
		return v.refuse(reasonUnrouted)
	}
	return Discarded
}

func (f *Router) takes(list []Route, v *View) bool {
	for i := range list {
		r := &list[i]
		if !r.matches(v.batch.Tag) {
			continue
		}
		if r.If.IsZero() {
			return true
		}
		yes, err := r.If.test(v, f.agent)
		if err != nil {
			f.errors.Inc()
		}
		if yes {
			return true
		}
	}
	return false
}
