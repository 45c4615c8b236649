package buffer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record"
)

func TestInspectChangesNothing(t *testing.T) {
	t.Parallel()
	for _, killed := range []bool{false, true} {
		dir, n := filled(t, killed)
		before := listing(t, dir)
		in, err := Inspect(dir)
		if err != nil {
			t.Fatal(err)
		}
		if first, end := in.Range(); first != 0 || end != int64(n) {
			t.Errorf("range %d to %d", first, end)
		}
		if c := in.Cursors(); len(c) != 1 || c[0].Name != "out" || c[0].Pos != 100 ||
			c[0].Lag != int64(n)-100 {
			t.Errorf("cursors %+v", c)
		}
		if i := in.Inputs(); len(i) != 1 || i["in"] != 1 {
			t.Errorf("inputs %v", i)
		}
		var got []int
		unexpected := func(segment string, err error) { t.Errorf("%s: %v", segment, err) }
		if err := in.Read(
			2000, func(b *record.Batch) error { got = append(got, numbers(t, b)...); return nil },
			unexpected,
		); err != nil {
			t.Fatal(err)
		}
		if got[0] > 2000 || got[0] < 1900 {
			t.Errorf("reading from 2000 began at %d", got[0])
		}
		wantRun(t, got, got[0], n-got[0])
		if good, missing := in.Verify(unexpected); good != int64(n) || missing != 0 {
			t.Errorf("verify: %d good, %d missing", good, missing)
		}
		if _, err := Inspect(dir); !errors.Is(err, ErrLocked) {
			t.Errorf("second inspection: %v", err)
		}
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		if after := listing(t, dir); after != before {
			t.Errorf("inspecting changed the directory:\n%s\n%s", before, after)
		}
	}
}

// listing tells names and sizes of all files.
func listing(t *testing.T, dir string) string {
	var out strings.Builder
	_ = filepath.Walk(dir, func(path string, fi os.FileInfo, err error) error {
		if err != nil {
			t.Fatal(err)
		}
		if !fi.IsDir() && fi.Name() != lockName {
			out.WriteString(strings.TrimPrefix(path, dir) + " " + fi.ModTime().String() + "\n")
		}
		return nil
	})
	return out.String()
}

func TestVerifyFindsDamage(t *testing.T) {
	t.Parallel()
	dir, n := filled(t, false)
	path := filepath.Join(middleOf(t, dir), vlogName)
	edit(t, path, func(p []byte) []byte {
		i := len(p)/2 + strings.Index(string(p[len(p)/2:]), string(groupMagic))
		p[i+3000] ^= 1
		return p
	})
	in, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var found []string
	good, missing := in.Verify(func(segment string, err error) { found = append(found, segment) })
	if len(found) != 1 || found[0] != filepath.Dir(path) || missing != 20 || good != int64(n)-20 {
		t.Errorf("found %v, %d good, %d missing", found, good, missing)
	}
}

func TestInspectWantsABuffer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, filepath.Join(dir, "pipeline"), small(t))
	if _, err := Inspect(
		dir,
	); err == nil ||
		!strings.Contains(err.Error(), filepath.Join(dir, "pipeline")) {
		t.Errorf("the directory above: %v", err)
	}
	if _, err := Inspect(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}
