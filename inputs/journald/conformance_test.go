package journald

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
)

func TestConformance(t *testing.T) {
	inputstest.Conformance(t, inputstest.Positioned, func(t testing.TB) inputstest.Driver {
		return newDriver(t)
	})
}

// following stands in for journalctl: each entry has three lines, and the cursor is its number.
const following = `#!/bin/sh
first=1
for arg; do
	case $arg in
	--lines=1) exec tail -n 3 %[1]s ;;
	--cursor=*) first=${arg#*=} ;;
	esac
done
exec tail -n +$((first * 3 - 2)) -f %[1]s
`

type driver struct {
	script  string
	journal *os.File
	entries int
}

func newDriver(t testing.TB) *driver {
	dir := t.TempDir()
	d := &driver{script: filepath.Join(dir, "journalctl")}
	text := fmt.Sprintf(following, filepath.Join(dir, "journal"))
	if err := os.WriteFile(d.script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	var err error
	if d.journal, err = os.Create(filepath.Join(dir, "journal")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.journal.Close() })
	return d
}

func (d *driver) Open(env inputs.Env) (inputs.Input, error) {
	cfg := Default()
	cfg.Journalctl, cfg.From = d.script, "beginning"
	return New(cfg, env)
}

func (d *driver) Send(_ context.Context, values []string) error {
	for _, v := range values {
		d.entries++
		if _, err := fmt.Fprintf(
			d.journal, "__CURSOR=%d\nMESSAGE=%s\n\n", d.entries, v,
		); err != nil {
			return err
		}
	}
	return nil
}
