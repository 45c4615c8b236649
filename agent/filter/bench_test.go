package filter

import (
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
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
		start := processor()
		for b.Loop() {
			chain.Apply(in)
		}
		b.ReportMetric(float64(n)*float64(b.N)/(processor()-start).Seconds(), "records/cpu-s")
	})
}

// processor returns the processor time that the process has taken.
func processor() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
