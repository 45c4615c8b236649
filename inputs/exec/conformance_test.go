package exec

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
)

func TestConformance(t *testing.T) {
	inputstest.Conformance(t, inputstest.Once, func(t testing.TB) inputstest.Driver {
		path := filepath.Join(t.TempDir(), "fifo")
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		both, err := os.OpenFile(path, os.O_RDWR, 0) // so that it never ends
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { both.Close() })
		return driver{path, both}
	})
}

// driver writes to a fifo that the command reads.
type driver struct {
	path string
	w    *os.File
}

func (d driver) Open(env inputs.Env) (inputs.Input, error) {
	cfg := Default()
	cfg.Command = []string{"cat", d.path}
	return New(cfg, env)
}

func (d driver) Send(_ context.Context, values []string) error {
	_, err := d.w.WriteString(strings.Join(values, "\n") + "\n")
	return err
}
