package buffer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/penstock/penstock/buffer/record/dataformat"
)

// An earlier release refuses a buffer that a later one has written, and leaves it as it is: with
// the mark as it was, everything is there.
func TestBufferOfALaterFormatIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir, small(t))
	appendWait(t, b, batchOf(0, 10, 10))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(dir, dataformat.Name)
	if text, err := os.ReadFile(mark); string(text) != "2\n" {
		t.Fatalf("marked %q, %v", text, err)
	}
	if err := os.WriteFile(mark, []byte("4\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	var newer *dataformat.NewerError
	if _, err := Open(dir, small(t)); !errors.As(err, &newer) || newer.What != dir {
		t.Errorf("opened: %v", err)
	}
	if _, err := Inspect(dir); !errors.As(err, &newer) {
		t.Errorf("looked into: %v", err)
	}
	if err := os.WriteFile(mark, []byte("2\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	b = open(t, dir, small(t))
	wantRun(t, readTo(t, cursor(t, b, "out"), 10), 0, 10)
}
