package stdin

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
)

func TestConformance(t *testing.T) {
	inputstest.Conformance(t, inputstest.Once, func(t testing.TB) inputstest.Driver {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		return driver{r, w}
	})
}

type driver struct{ r, w *os.File }

func (d driver) Open(env inputs.Env) (inputs.Input, error) {
	s, err := New(Default(), env)
	if err == nil {
		s.file = d.r
	}
	return s, err
}

func (d driver) Send(_ context.Context, values []string) error {
	_, err := d.w.WriteString(strings.Join(values, "\n") + "\n")
	return err
}
