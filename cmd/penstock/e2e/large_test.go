package e2e

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
)

const largeEdge = `
agent {
  data_dir = "DIR/data"
  admin { listen = "ADMIN" }
}
input "tail" "app" {
  paths         = ["DIR/app.log"]
  max_line_size = "32MiB"
}
output "file" "out" { path = "DIR/out.log" }
pipeline "p" {
  from = [input.tail.app]
  to   = [output.file.out]
  buffer {
    max_size = "16MiB"
    spill    = SPILL
  }
}
`

// A line that the buffer could never hold goes to the dead letter of the input, and what follows it
// goes on, after a restart as well.
func TestLineLargerThanTheBuffer(t *testing.T) {
	parallel(t)
	for _, spill := range []string{"false", "true"} {
		t.Run("spill "+spill, func(t *testing.T) {
			dir := t.TempDir()
			noise := make([]byte, 15<<20)
			rng := rand.NewChaCha8([32]byte{1})
			_, _ = rng.Read(noise)
			large := base64.StdEncoding.EncodeToString(noise)
			log := filepath.Join(dir, "app.log")
			if err := os.WriteFile(log, []byte("before\n"+large+"\nafter\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			ag := newAgent(t, "large", replaceAll(largeEdge, "DIR", dir, "SPILL", spill))
			holds := func(want string) {
				t.Helper()
				var got []byte
				runtest.Within(t, 20*time.Second, func() bool {
					got, _ = os.ReadFile(filepath.Join(dir, "out.log"))
					return string(got) == want
				}, func() string { return "the file holds " + string(got[:min(len(got), 200)]) })
			}
			ag.start()
			holds("before\nafter\n")
			if n, err := ag.metric("penstock_input_too_large_records_total"); err != nil || n == 0 {
				t.Errorf("%v records too large: %v", n, err)
			}
			if code := ag.terminate(20 * time.Second); code != 0 {
				t.Errorf("exit code %d", code)
			}
			f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString("later\n"); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			ag.start()
			holds("before\nafter\nlater\n")
			found := 0
			letters, err := filepath.Glob(
				filepath.Join(dir, "data/dead-letter/input.tail.app/*.ndjson"),
			)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range letters {
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				found += bytes.Count(text, []byte(large))
			}
			if found != 1 {
				t.Errorf("the line is %d times in the dead letter %v", found, letters)
			}
		})
	}
}
