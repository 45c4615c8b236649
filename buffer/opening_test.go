package buffer

import (
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// asked is a registry of which the metrics are asked for from the first on.
type asked struct {
	*prometheus.Registry
	wg   sync.WaitGroup
	stop chan struct{}
}

func (a *asked) Register(c prometheus.Collector) error {
	if err := a.Registry.Register(c); err != nil {
		return err
	}
	a.wg.Go(func() {
		for {
			ch := make(chan prometheus.Metric, 100)
			c.Collect(ch)
			select {
			case <-a.stop:
				return
			default:
			}
		}
	})
	return nil
}

// Metrics may be asked for while a buffer opens: its chain is being filled then.
func TestMetricsWhileABufferOpens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 3 { // the first finds nothing, the others a segment
		reg := &asked{Registry: prometheus.NewRegistry(), stop: make(chan struct{})}
		b, err := Open(dir, Options{Metrics: reg})
		close(reg.stop)
		reg.wg.Wait()
		if err != nil {
			t.Fatal(err)
		}
		cursor(t, b, "x").Close() // it holds up what is appended
		appendWait(t, b, batchOf(i, 1, 10))
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
