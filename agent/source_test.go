package agent

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
)

// redoOutput is an output that has begun something which the log's end makes impossible, as an
// archiver in the middle of a cut that has to be made again.
type redoOutput struct{ w *world }

func (o *redoOutput) Drain(ctx context.Context, log record.Log) error {
	o.w.event("drain")
	for {
		_, err := log.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return errors.New("the log ends before the end of a cut that was begun")
		case err != nil:
			return err
		}
		o.w.event("read")
	}
}

func (o *redoOutput) Close() error { return nil }

// A stop makes the logs of a source end. An output that cannot be done with one then leaves it to
// the log's next owner: it is not tried again and again until the shutdown timeout.
func TestStopInTheMiddleOfALog(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.logs["a"], w.logs["b"] = newMemLog(testBatch(0, "t", "1")), newMemLog(testBatch(0, "t", "2"))
	w.more = Catalogue{OutputType("redo", "Redo.", func() emptyConfig { return emptyConfig{} },
		func(emptyConfig, outputs.Env) (*redoOutput, error) { return &redoOutput{w}, nil })}
	r := startAgent(t, w, t.TempDir(), `
input "log" "k" {}
output "redo" "x" {}
pipeline "p" {
  from = [input.log.k]
  to   = [output.redo.x]
}`)
	w.await(t, "both logs", func() bool {
		n := 0
		for _, e := range w.events {
			if e == "read" {
				n++
			}
		}
		return n == 2
	})
	began := time.Now()
	r.stop()
	r.wait()
	if took := time.Since(began); took > 2*time.Second { // the shutdown timeout is 3 s
		t.Errorf("the stop took %v", took)
	}
	if n := w.count("drain"); n != 2 {
		t.Errorf("%d drains of two logs", n)
	}
	if n := w.count("handle: done"); n != 2 {
		t.Errorf("%d of two logs were given back without an error", n)
	}
}
