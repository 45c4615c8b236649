package filter

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMeteredCountsWhatGoesInAndComesOut(t *testing.T) {
	reg := prometheus.NewRegistry()
	env := Env{Name: "filter.grep.x", Metrics: reg}
	grep, err := NewGrep(GrepConfig{Include: []string{"keep"}}, env)
	if err != nil {
		t.Fatal(err)
	}
	in := batch("keep this one", "not that, which is longer", "keep")
	out := apply(grep, in)
	m := grep.meters()
	for name, c := range map[string]struct {
		counter prometheus.Counter
		want    int
	}{
		"records in":  {m.recordsIn, 3},
		"records out": {m.recordsOut, 2},
		"bytes in":    {m.bytesIn, in.Size()},
		"bytes out":   {m.bytesOut, out.Size()},
	} {
		if got := int(
			testutil.ToFloat64(c.counter),
		); got < c.want-15 || got > c.want+15 ||
			got == 0 {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if out.Size() >= in.Size() {
		t.Errorf("%d bytes of %d came out", out.Size(), in.Size())
	}
	if n, err := testutil.GatherAndCount(reg); err != nil || n < 5 {
		t.Errorf("%d metrics are registered: %v", n, err)
	}
}
