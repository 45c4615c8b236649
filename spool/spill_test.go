package spool

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
)

// What was spilled comes back as it was, however often the file of chunks was rewritten, and if the
// disk refused a part.
func TestSpilledRowsComeBack(t *testing.T) {
	for name, paths := range map[string]int64{"few": 0, "many": arriveFromInAll} {
		t.Run(name+" paths", func(t *testing.T) {
			t.Parallel()
			spillAndRead(t, paths)
		})
	}
}

func spillAndRead(t *testing.T, paths int64) {
	rng := runtest.Rand(t)
	a := testArchiver(t, newMemStore(), func(c *Config) { c.Compression = "none" })
	if err := a.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.paths.Store(paths)
	var room atomic.Int64 // for so many writes
	room.Store(math.MaxInt64)
	a.writeAt = func(f *os.File, p []byte, off int64) (int, error) {
		if strings.Contains(f.Name(), "chunks") && room.Add(-1) < 0 {
			return 0, syscall.ENOSPC
		}
		return f.WriteAt(p, off)
	}
	acct := a.budget.join()
	c := a.newCut(acct, 0)
	want := map[*file][]byte{}
	for i := range int64(4_000) {
		f, _ := c.file(fmt.Sprint("p", rng.IntN(1+rng.IntN(60))), "", 0)
		row := fmt.Appendf(nil, `{"user":%q,"n":%d,"path":"/api/v1/items","status":200}`, f.path, i)
		if rng.IntN(20) == 0 { // does not compress
			row = make([]byte, rng.IntN(64<<10))
			for j := range row {
				row[j] = byte(rng.Uint32())
			}
		}
		row = append(row, '\n')
		want[f] = append(want[f], row...)
		if err := c.add(f, &record.Record{Offset: i, Value: row}, row); err != nil {
			t.Fatal(err)
		}
		if i == 2_000 {
			room.Store(1)
			if err := c.spill(); !errors.Is(err, syscall.ENOSPC) || room.Swap(math.MaxInt64) >= 0 {
				t.Fatalf("with the disk full halfway: %v", err)
			}
		}
		if i > 1_000 && i <= 2_000 {
			continue // as much as takes several writes
		}
		switch rng.IntN(200) {
		case 0:
			if err := c.spill(); err != nil {
				t.Fatal(err)
			}
		case 1:
			c.deadChunkBytes = 1 << 40 // as if all were dead
			if err := c.compact(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if rng.IntN(2) == 0 {
		if err := c.spill(); err != nil {
			t.Fatal(err)
		}
	}
	c.jobs.Wait()
	c.arrivals.sort(len(c.byPath))
	// One after the other, as they are uploaded, and in any order; with the chunks of what others
	// want, and without.
	inOrder := c.sorted()
	for round := range 4 {
		files := slices.Clone(inOrder)
		if round > 1 {
			rng.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		}
		if c.window = nil; round%2 == 0 {
			c.window = c.newWindow()
		}
		for _, f := range files {
			o, err := c.object(f)
			if err != nil {
				t.Fatal(err)
			}
			all, got := want[f], make([]byte, o.size)
			if n, err := o.ReadAt(got, 0); n != len(got) || !bytes.Equal(got, all) {
				t.Errorf("%s: %d of %d bytes came back, or others: %v", f.path, n, len(all), err)
			}
			o.close()
		}
		c.window.close()
	}
	c.window = nil
	if c.release(); acct.memory != 0 || acct.disk != 0 {
		t.Errorf("%d bytes of memory and %d of disk are still taken", acct.memory, acct.disk)
	}
	acct.leave()
}

// Logs take a fraction of their size where they are spilled.
func TestSpilledRowsArePacked(t *testing.T) {
	t.Parallel()
	a := testArchiver(t, newMemStore(), nil)
	if err := a.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	acct := a.budget.join()
	defer acct.leave()
	c := a.newCut(acct, 0)
	defer c.release()
	rows := int64(0)
	for i, r := range benchValues(10_000, 1, 0, 500) {
		f, _ := c.file(fmt.Sprint(i%500), "", 0)
		if err := c.add(f, &r, r.Value); err != nil {
			t.Fatal(err)
		}
		rows += int64(len(r.Value))
	}
	if err := c.spill(); err != nil {
		t.Fatal(err)
	}
	if n := acct.disk; n == 0 || n > rows/2 {
		t.Errorf("%d bytes of rows take %d on disk, want less than half", rows, n)
	}
}
