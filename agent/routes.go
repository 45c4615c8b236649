package agent

import (
	"slices"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/filter"
)

// routes is who gets what in a pipeline: by tag for whole batches, and by conditions for each
// record.
type routes struct {
	spec *config.Pipeline
	all  []filter.Route // as spec.Routes
}

func newRoutes(spec *config.Pipeline) *routes {
	r := &routes{spec: spec}
	for _, route := range spec.Routes {
		var f filter.Route
		// The loader has seen to errors.
		if len(route.Match) > 0 {
			if tags, err := config.CompileTags(route.Match); err == nil {
				f.Match = tags.Match
			}
		}
		if route.If != "" {
			f.If, _ = filter.NewExpression(route.If)
		}
		r.all = append(r.all, f)
	}
	return r
}

// of returns the routes to an output, and whether it takes the rest, too. Both mean nothing for one
// that gets every record.
func (r *routes) of(id string) (own []filter.Route, rest bool) {
	for i, route := range r.spec.Routes {
		if slices.Contains(route.To, id) {
			own = append(own, r.all[i])
		}
	}
	return own, slices.Contains(r.spec.Otherwise, id)
}

func matches(list []filter.Route, tag string, sure bool) bool {
	return slices.ContainsFunc(list, func(f filter.Route) bool {
		return (f.Match == nil || f.Match(tag)) && (!sure || f.If.IsZero())
	})
}

// matcherFor returns which tags may have records for an output; nil for all.
func (r *routes) matcherFor(id string) func(tag string) bool {
	if slices.Contains(r.spec.To, id) {
		return nil
	}
	own, rest := r.of(id)
	switch r.unroutedAt(id) {
	case filter.CountUnrouted:
		own = r.all
	case filter.RefuseUnrouted:
		return nil
	}
	return func(tag string) bool {
		return matches(own, tag, false) || rest && !matches(r.all, tag, true)
	}
}

// matcher returns whether records of a tag may have an output at all; nil for all.
func (r *routes) matcher() func(tag string) bool {
	if len(r.spec.To) > 0 || len(r.spec.Otherwise) > 0 ||
		r.spec.Unrouted == config.UnroutedDeadLetter {
		return nil
	}
	return func(tag string) bool { return matches(r.all, tag, false) }
}

// unroutedAt returns what the router of an output does with records that no route takes. One router
// sees to them.
func (r *routes) unroutedAt(id string) filter.Unrouted {
	switch {
	case !r.spec.MayLeaveUnrouted() || r.spec.Outputs()[0] != id:
		return filter.LeaveUnrouted
	case r.spec.Unrouted == config.UnroutedDeadLetter:
		return filter.RefuseUnrouted
	case r.conditional():
		return filter.CountUnrouted
	}
	return filter.LeaveUnrouted // the sink counts them by their tag
}

// conditional reports whether any route has a condition.
func (r *routes) conditional() bool {
	return slices.ContainsFunc(r.all, func(f filter.Route) bool { return !f.If.IsZero() })
}

// router returns the filter that picks an output's records; nil if its tags tell them.
func (b *builder) router(r *routes, id string) filter.Filter {
	unrouted := r.unroutedAt(id)
	if slices.Contains(r.spec.To, id) ||
		!r.conditional() && unrouted != filter.RefuseUnrouted {
		return nil
	}
	name := "route." + r.spec.Name + "." + id
	fingerprint := routeFingerprint(r.spec, id)
	if b.old != nil && b.old.filters[name] != nil &&
		b.old.filters[name].fingerprint == fingerprint {
		b.new.filters[name] = b.old.filters[name]
		return b.new.filters[name].Filter
	}
	own, rest := r.of(id)
	reg := newRegistry(name)
	f := filter.NewRouter(
		own, r.all, rest, unrouted,
		filter.Env{Name: name, Agent: b.cfg.Agent.Name, Metrics: reg},
	)
	b.new.filters[name] = &builtFilter{f, fingerprint, reg}
	return f
}
