package filter

import (
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/costtest"
)

// benchFilter reports records per second of processor time, so that it means the same on a busy
// machine.
func benchFilter(b *testing.B, name string, f Filter, values ...string) {
	b.Run(name, func(b *testing.B) {
		var builder record.Builder
		builder.Reset("app", "/var/log/x.log", 0)
		const n = 4000
		for i := range n {
			builder.Append(int64(i)*1e6, nil, []byte(values[i%len(values)]), nil)
		}
		in := builder.Build()
		chain := Chain{f}
		chain.Apply(in)
		b.ReportAllocs()
		start := costtest.CPU()
		for b.Loop() {
			chain.Apply(in)
		}
		b.ReportMetric(float64(n)*float64(b.N)/(costtest.CPU()-start).Seconds(), "records/cpu-s")
	})
}
