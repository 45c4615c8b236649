package spool

import (
	"os"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// An archiver leaves alone the working files of another one of the same directory, as that of an
// output which a reload has replaced, and of another process.
func TestArchiversOfOneDirectory(t *testing.T) {
	t.Parallel()
	env := testArchiver(t, newMemStore(), nil).env
	start := func() (a *Archiver, file string) {
		env.Metrics = prometheus.NewRegistry()
		a, err := NewArchiver(Default(), newMemStore(), env)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		file = a.dir.newStore("members").path
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return a, file
	}
	isThere := func(file string) bool {
		_, err := os.Stat(file)
		return err == nil
	}
	before, one := start()
	after, other := start()
	if one == other || !isThere(one) {
		t.Errorf("%s is gone, or the same as %s", one, other)
	}
	if err := before.Close(); err != nil || isThere(one) || !isThere(other) {
		t.Errorf("%v; left: %v, and of the other: %v", err, isThere(one), isThere(other))
	}
	if err := after.Close(); err != nil || isThere(other) {
		t.Error("a file is left", err)
	}
}
