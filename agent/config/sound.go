package config

import "slices"

// sound leaves out what is wrong, and what refers to it.
func (l *loader) sound() *Config {
	out := *l.cfg
	out.Components, out.Pipelines = nil, nil
	left := slices.Clone(l.cfg.Components)
	for again := true; again; {
		again = false
		for _, inst := range left {
			ready := !l.wrong[inst.ID()] && !slices.ContainsFunc(inst.Refs, func(r Ref) bool { return out.Find(r.Target) == nil })
			if ready && out.Find(inst.ID()) == nil {
				out.Components = append(out.Components, inst)
				again = true
			}
		}
	}
	for _, p := range l.cfg.Pipelines {
		lost := func(id string) bool { return out.Find(id) == nil }
		q := *p
		q.From = slices.DeleteFunc(slices.Clone(p.From), lost)
		q.To = slices.DeleteFunc(p.Outputs(), lost)
		q.Filter = slices.DeleteFunc(slices.Clone(p.Filter), lost)
		q.Routes, q.Otherwise = nil, nil
		out.Pipelines = append(out.Pipelines, &q)
	}
	return &out
}
