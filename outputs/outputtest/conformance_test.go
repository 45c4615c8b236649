package outputtest

import (
	"errors"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
)

// destHarness runs the suite on the fake destination, which keeps the suite itself honest.
type destHarness struct {
	d     *Dest
	async bool
}

func (h destHarness) New(testing.TB, outputs.Env) any {
	if h.async {
		return h.d.AsyncWriter(16)
	}
	return h.d.Writer()
}
func (h destHarness) Received(testing.TB) []Received { return h.d.Received() }
func (h destHarness) Break(testing.TB)               { h.d.SetDown(true) }
func (h destHarness) Mend(testing.TB)                { h.d.SetDown(false) }
func (h destHarness) Keeps() Keeps {
	return Keeps{
		Tag:       true,
		Origin:    true,
		Key:       true,
		Headers:   true,
		Time:      true,
		NullValue: true,
		Binary:    true,
	}
}

func (h destHarness) Refuse(_ testing.TB, refuse func([]byte) bool) {
	h.d.SetJudge(func(r *record.Record) error {
		if refuse(r.Value) {
			return outputs.Permanent(errors.New("refused"))
		}
		return nil
	})
}

func TestConformance(t *testing.T) {
	t.Run(
		"writer",
		func(t *testing.T) { Run(t, func(*testing.T) Harness { return destHarness{d: NewDest()} }) },
	)
	t.Run(
		"async",
		func(t *testing.T) { Run(t, func(*testing.T) Harness { return destHarness{d: NewDest(), async: true} }) },
	)
}
