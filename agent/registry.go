package agent

import (
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// registry holds the metrics of one component.
type registry struct {
	name                  string
	all                   *prometheus.Registry
	prometheus.Registerer // adds the labels
}

// newRegistry returns a registry for a component. labels are further pairs of name and value.
func newRegistry(component string, labels ...string) *registry {
	all := prometheus.Labels{"component": component}
	name := component
	for i := 0; i < len(labels); i += 2 {
		all[labels[i]] = labels[i+1]
		name += " " + labels[i+1]
	}
	reg := prometheus.NewRegistry()
	return &registry{name: name, all: reg, Registerer: prometheus.WrapRegistererWith(all, reg)}
}

// registries is the registries of all components, so that a component's metrics come and go with
// it. Safe for concurrent use.
type registries struct {
	mu     sync.Mutex
	byName map[string]*registry
}

func newRegistries() *registries { return &registries{byName: map[string]*registry{}} }

// show adds r, in place of one of the same name.
func (rs *registries) show(r *registry) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.byName[r.name] = r
}

// hide removes r, unless another one has taken its place.
func (rs *registries) hide(r *registry) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.byName[r.name] == r {
		delete(rs.byName, r.name)
	}
}

// Gather implements prometheus.Gatherer over the components of the moment.
func (rs *registries) Gather() ([]*dto.MetricFamily, error) {
	rs.mu.Lock()
	var all prometheus.Gatherers
	for _, name := range slices.Sorted(maps.Keys(rs.byName)) {
		all = append(all, rs.byName[name].all)
	}
	rs.mu.Unlock()
	return all.Gather()
}
