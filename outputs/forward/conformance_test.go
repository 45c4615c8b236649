package forward

import (
	"errors"
	"strings"
	"testing"

	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/outputtest"
)

// relay is another penstock as the destination.
type relay struct {
	addr string
	sink *inputstest.MemSink
}

func (r *relay) New(t testing.TB, env outputs.Env) any {
	cfg := config(r.addr)
	cfg.Peer = "penstock"
	f, err := New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (r *relay) Received(testing.TB) (out []outputtest.Received) {
	for _, rec := range r.sink.Records() {
		out = append(
			out,
			outputtest.Received{
				Tag:    rec.Tag,
				Origin: strings.TrimPrefix(rec.Origin, "127.0.0.1/"),
				Record: rec.Record,
			},
		)
	}
	return out
}

func (r *relay) Break(testing.TB) { r.sink.Fail(errors.New("no space left")) }
func (r *relay) Mend(testing.TB)  { r.sink.Fail(nil) }

func (r *relay) Keeps() outputtest.Keeps {
	return outputtest.Keeps{
		Tag:       true,
		Origin:    true,
		Key:       true,
		Headers:   true,
		Time:      true,
		NullValue: true,
		Binary:    true,
	}
}

func TestConformance(t *testing.T) {
	outputtest.Run(t, func(t *testing.T) outputtest.Harness {
		addr, sink, _ := peer(t, nil)
		return &relay{addr, sink}
	})
}
