package ledger

import "slices"

// names are names of the same thing, by any of them: each leads to another, and at last to the one
// that stands for all.
type names map[string]string

// of returns the name that stands for all of these, which are the same from now on; "" for none.
func (n names) of(all ...string) string {
	first := ""
	for i, name := range all {
		for n[name] != "" {
			name = n[name]
		}
		if i == 0 {
			first = name
		} else if name != first {
			n[name] = first
		}
	}
	return first
}

// clustersOf returns the brokers of clusters, which share one in some page.
func clustersOf(pages []*Page) names {
	out := names{}
	for _, p := range pages {
		for _, e := range slices.Concat(p.From, p.To) {
			out.of(e.Brokers...)
		}
	}
	return out
}

// join returns the one name for those by which others know an agent.
func (p *Page) join(hosts names, known map[string]bool) string {
	return hosts.of(slices.DeleteFunc(slices.Clone(p.Hosts), func(host string) bool {
		return !known[host]
	})...)
}
