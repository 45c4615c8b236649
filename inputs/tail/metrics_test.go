package tail

import (
	"maps"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// lags returns the metrics of lag: of each file by name, and of all.
func (r *rig) lags() (each map[string]float64, all float64) {
	r.t.Helper()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(fileCollector{r.tail})
	families, err := reg.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	each = map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "penstock_tail_lag_bytes":
				each[filepath.Base(m.GetLabel()[0].GetValue())] = m.GetGauge().GetValue()
			case "penstock_tail_lag_total_bytes":
				all = m.GetGauge().GetValue()
			}
		}
	}
	return each, all
}

func TestLagOfEachFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		files int
		want  map[string]float64
	}{
		{1000, map[string]float64{"a.log": 3, "b.log": 0, "c.log": 5}},
		{2, map[string]float64{"a.log": 3, "c.log": 5}},
		{0, map[string]float64{}},
	} {
		r := newRig(t, func(cfg *Config) { cfg.LagFiles = c.files })
		r.write("a.log", "1\nabc")
		r.write("b.log", "2\n")
		r.write("c.log", "defgh")
		r.start()
		r.eventually("lag of each file", func() bool {
			each, all := r.lags()
			return maps.Equal(each, c.want) && all == 8
		})
		r.halt()
	}
}
