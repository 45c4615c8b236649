package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// The demo promises to end within a minute, with exit code 0 if its count comes out even.
func TestDemo(t *testing.T) {
	parallel(t)
	out, code := runDemo(t, t.TempDir())
	values := demoCounts(t, out)
	if code != 0 {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if values[0] == "0" || values[1] != values[0] || values[2] == "0" || values[3] == "0" ||
		values[7] != values[0] {
		t.Errorf("the demo shows nothing:\n%s", out)
	}
	for i, what := range map[int]string{4: "lost", 6: "out of order", 8: "lost in the lake"} {
		if values[i] != "0" {
			t.Errorf("%s %s\n%s", values[i], what, out)
		}
	}
}

// Somebody removes an object of the overflow: the demo counts what was in it as lost, and ends with
// exit code 1.
func TestLossShowsInTheDemo(t *testing.T) {
	parallel(t)
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	dir := t.TempDir()
	stop := background(t.Context(), func(ctx context.Context) error {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			objects, err := filepath.Glob(filepath.Join(dir, "overflow/*/*/*/*/*.ndjson.zst"))
			if err != nil {
				return err
			}
			if len(objects) > 0 {
				return os.Remove(objects[0])
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return errors.New("nothing came into the overflow")
			}
		}
	})
	out, code := runDemo(t, dir)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	values := demoCounts(t, out)
	if code != 1 || values[4] == "0" || values[8] == "0" ||
		!bytes.Contains(out, []byte("lines were lost")) {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// runDemo runs the demo, which has a minute.
func runDemo(t *testing.T, dir string) (out []byte, code int) {
	t.Helper()
	started := time.Now()
	cmd := exec.CommandContext(t.Context(), demoBinary, "-dir", dir)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	took := time.Since(started)
	t.Logf("the demo took %.1f s", took.Seconds())
	if took >= time.Minute {
		t.Errorf("the demo took %v\n%s", took, out)
	}
	return out, cmd.ProcessState.ExitCode()
}

// demoCounts returns the figures that the demo ends with, of the edge and then of the lake.
func demoCounts(t *testing.T, out []byte) []string {
	t.Helper()
	var values []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 1 && (f[0] == "edge" || f[0] == "lake") {
			values = append(values, f[1:]...)
		}
	}
	if len(values) == 10 {
		return values
	}
	t.Fatalf("no counts in\n%s", out)
	return nil
}
