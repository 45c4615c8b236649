package ledger

import (
	"fmt"
	"slices"
)

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

// host returns the first name by which somebody knows an agent; "" if nobody does.
func (p *Page) host(known map[string]bool) string {
	if i := slices.IndexFunc(p.Hosts, func(h string) bool { return known[h] }); i >= 0 {
		return p.Hosts[i]
	}
	return ""
}

// join returns the one name for those by which others know an origin of an agent. Agents that share
// an address are told apart by their origins as long as nobody has read the same by the address.
func (p *Page) join(origins names, origin string, known map[string]bool) string {
	var all []string
	for _, host := range p.Hosts {
		if name := host + "/" + origin; known[name] {
			all = append(all, name)
		}
	}
	if len(all) == 0 {
		return p.host(known) + "/" + origin
	}
	return origins.of(all...)
}

// several names the first, and how many there are besides.
func several(names []string) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) > 1 {
		return fmt.Sprintf("%s and %d more", names[0], len(names)-1)
	}
	return names[0]
}
