// Package metrics is the table of all metrics there are, from which help, dashboards and alerts are
// checked.
//
// It owns no metric: each is kept where what it counts happens. A test reads the sources, and fails
// where they and the table differ; with -update it writes the table anew.
package metrics

// Metric is one row.
type Metric struct {
	Name string
	Kind string // counter, gauge or histogram
	Help string
}

// Find returns the row of a metric; ok is false if there is none of that name. The names of a
// histogram's parts (_bucket, _sum and _count) lead to it as well.
func Find(name string) (m Metric, ok bool) {
	for _, m := range Table {
		if m.Name == name {
			return m, true
		}
		if m.Kind == "histogram" &&
			(name == m.Name+"_bucket" || name == m.Name+"_sum" || name == m.Name+"_count") {
			return m, true
		}
	}
	return Metric{}, false
}
