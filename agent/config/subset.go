package config

import "slices"

// validSubset leaves out what is wrong, and what refers to it.
func (l *loader) validSubset() *Config {
	out := *l.cfg
	out.Components, out.Pipelines = nil, nil
	left := slices.Clone(l.cfg.Components)
	for again := true; again; {
		again = false
		for _, inst := range left {
			ready := !l.wrong[inst.ID()] &&
				!slices.ContainsFunc(
					inst.Refs, func(r Ref) bool { return out.Find(r.Target) == nil },
				)
			if ready && out.Find(inst.ID()) == nil {
				out.Components = append(out.Components, inst)
				again = true
			}
		}
	}
	for _, p := range l.cfg.Pipelines {
		only := func(ids []string, kind Kind) []string {
			return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
				inst := out.Find(id)
				return inst == nil || inst.Component.Kind != kind
			})
		}
		q := *p
		q.From, q.To = only(p.From, Input), only(p.Outputs(), Output)
		q.Filter = only(p.Filter, Filter)
		q.Routes, q.Otherwise = nil, nil
		out.Pipelines = append(out.Pipelines, &q)
	}
	return &out
}
