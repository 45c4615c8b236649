package buffer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dataformat"
)

func mapsOf(from, n int) *record.Batch {
	var b record.Builder
	b.Reset("app", "host", 0)
	b.SetForm(record.Msgpack)
	for i := range n {
		b.Append(1e18, nil, append([]byte{0x81, 0xa1, 'n'}, byte(from+i)), nil)
	}
	return b.Build()
}

// An earlier release would take a batch of maps for damage. It refuses the directory from before
// the first of them on, and opens it if there never was one.
func TestMapsMarkTheDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := func(mark string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, dataformat.Name))
		if string(text) != mark+"\n" {
			t.Fatalf("marked %q, %v; want %s", text, err, mark)
		}
	}
	b := open(t, dir, small(t))
	appendWait(t, b, batchOf(0, 10, 10))
	if err := b.Append(t.Context(), "in", mapsOf(0, 1), nil, nil); err == nil {
		t.Fatal("maps are in a directory that says nothing of it")
	}
	if !b.Permit(record.AsSeen) {
		t.Fatal("records as ever are not permitted")
	}
	want("2")
	if !b.Permit(record.Msgpack) {
		t.Fatal("not permitted")
	}
	want("3")
	appendWait(t, b, mapsOf(10, 5))
	appendWait(t, b, batchOf(15, 5, 10))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	var newer *dataformat.NewerError
	if err := dataformat.Mark(dir, formatVersion); !errors.As(err, &newer) {
		t.Fatalf("an earlier release opens it: %v", err)
	}
	b = open(t, dir, small(t))
	want("3")
	c := cursor(t, b, "out")
	wantRun(t, readTo(t, c, 10), 0, 10)
	maps := next(t, c)
	recs, err := maps.Records()
	if err != nil || maps.Form() != record.Msgpack {
		t.Fatal(maps.Form(), err)
	}
	i := 10
	for r := range recs {
		if string(r.Value) != fmt.Sprintf(`{"n":%d}`, i) || r.Offset != int64(i) {
			t.Fatalf("%d: %s at %d", i, r.Value, r.Offset)
		}
		i++
	}
	wantRun(t, readTo(t, c, 20), 15, 5)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	in, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	want("3")
}

// A directory that cannot be marked takes no maps, says so once, and is asked again later.
func TestADirectoryThatCannotBeMarked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir, small(t))
	mark := filepath.Join(dir, dataformat.Name)
	if err := errors.Join(os.Remove(mark), os.Mkdir(mark, 0o700)); err != nil {
		t.Fatal(err)
	}
	if b.Permit(record.Msgpack) {
		t.Fatal("permitted")
	}
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	if b.Permit(record.Msgpack) {
		t.Fatal("asked at once")
	}
	b.mark.failed = b.mark.failed.Add(-markRetry)
	if !b.Permit(record.Msgpack) {
		t.Fatal("never asked again")
	}
}
