package tail

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
)

func TestConformance(t *testing.T) {
	inputstest.Conformance(t, inputstest.Positioned, func(t testing.TB) inputstest.Driver {
		f, err := os.Create(filepath.Join(t.TempDir(), "app.log"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return appender{f}
	})
}

// appender writes to one file.
type appender struct{ f *os.File }

func (a appender) Open(env inputs.Env) (inputs.Input, error) {
	cfg := Default()
	cfg.Paths, cfg.PollInterval = []string{a.f.Name()}, 20*time.Millisecond
	return New(cfg, env)
}

func (a appender) Send(_ context.Context, values []string) error {
	_, err := a.f.WriteString(strings.Join(values, "\n") + "\n")
	return err
}
