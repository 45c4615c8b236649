package agent

import (
	"time"

	"github.com/penstock/penstock/agent/state"
	"github.com/prometheus/client_golang/prometheus"
)

var (
	descState = prometheus.NewDesc(
		"penstock_state", "1 for what an input or output of a pipeline is doing.",
		[]string{"component", "pipeline", "state"}, nil,
	)
	descSafe = prometheus.NewDesc(
		"penstock_pipeline_safe",
		"1 while all that was acknowledged since the start is delivered, on disk or in the overflow.",
		[]string{"pipeline"}, nil,
	)
	descFlows = prometheus.NewDesc(
		"penstock_pipeline_flows", "1 while inputs need not wait.", []string{"pipeline"}, nil,
	)
	descLevel = prometheus.NewDesc(
		"penstock_pipeline_level", "0 all is well, 1 notice, 2 warning, 3 critical.",
		[]string{"pipeline"}, nil,
	)
	descWaiting = prometheus.NewDesc(
		"penstock_pipeline_waiting_records", "Records that wait, by where: disk or overflow.",
		[]string{"pipeline", "where"}, nil,
	)
	descFull = prometheus.NewDesc(
		"penstock_pipeline_full_seconds",
		"Time until the buffer is full at the present rate; absent while it does not grow.",
		[]string{"pipeline"}, nil,
	)
)

// stateCollector shows the states as metrics.
type stateCollector struct{ states func() []state.PipelineState }

func (stateCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descState, descSafe, descFlows, descLevel, descWaiting, descFull,
	} {
		ch <- d
	}
}

func (c stateCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	is := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	for _, p := range c.states() {
		for _, in := range p.Inputs {
			gauge(descState, 1, in.ID, p.Name, in.Kind)
		}
		for _, out := range p.Outputs {
			gauge(descState, 1, out.ID, p.Name, out.Kind)
		}
		gauge(descSafe, is(p.Safe), p.Name)
		gauge(descFlows, is(p.Flows), p.Name)
		gauge(descLevel, float64(p.Level), p.Name)
		gauge(descWaiting, float64(p.OnDisk), p.Name, "disk")
		gauge(descWaiting, float64(p.Stored), p.Name, "overflow")
		if p.Full > 0 {
			gauge(descFull, p.Full.Round(time.Second).Seconds(), p.Name)
		}
	}
}
