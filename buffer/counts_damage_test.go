package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/tally"
)

// uncountedBuffer makes a buffer as a kill leaves it: in its second minute, with what rows do not
// say yet before that and since. An output has delivered all, and one nothing.
func uncountedBuffer(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "killed")
	synctest.Test(t, func(t *testing.T) {
		from := t.TempDir()
		b := open(t, from, small(t))
		c := cursor(t, b, "out")
		cursor(t, b, "late")
		for i := range 24 {
			appendWait(t, b, batchFrom(fmt.Sprint("/var/log/", i%3), 1+i%5, 500))
			if i%2 == 1 {
				noteDelivered(c, next(t, c))
				for i > 20 && c.pos < b.End() {
					noteDelivered(c, next(t, c))
				}
				commit(t, c, c.pos)
			}
			time.Sleep(4 * time.Second)
		}
		synctest.Wait()
		if err := copySparse(from, dir); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
	return dir
}

// batchFrom makes a batch of an origin.
func batchFrom(origin string, records, size int) *record.Batch {
	var bb record.Builder
	bb.Reset("app", origin, records*size)
	for range records {
		bb.Append(1, nil, make([]byte, size), nil)
	}
	return bb.Build()
}

// Whatever does not read back, the counts are right or a difference is named: of what is lost, as
// much as is. What a group that does not read back has said of deliveries is missing, or its commit
// has never been.
func TestNoDamageMakesCountsWrongUnnoticed(t *testing.T) {
	t.Parallel()
	dir := uncountedBuffer(t)
	_, heads := segmentDirs(t, dir)
	head := filepath.Base(heads[0]) // the other one is opened ahead
	file, err := os.ReadFile(filepath.Join(dir, head, vlogName))
	if err != nil {
		t.Fatal(err)
	}
	vlog, err := os.OpenFile(filepath.Join(dir, head, vlogName), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer vlog.Close()
	named, silent := 0, 0
	ends := groupEnds(t, filepath.Join(dir, head, vlogName))
	for i, begin := range ends[:len(ends)-1] {
		h, err := parseGroupHeader(file[groupAt(t, file, begin):])
		if err != nil {
			t.Fatal(err)
		}
		for part, at := range map[string]int64{
			"header": 20, "meta": groupHeaderSize + int64(h.metaLen)/2,
			"body": groupHeaderSize + int64(h.metaLen) + int64(h.bodyLen)/2,
		} {
			if part == "body" && h.bodyLen == 0 {
				continue
			}
			at += int64(groupAt(t, file, begin))
			flip := func() {
				if _, err := vlog.WriteAt([]byte{file[at] ^ 0x40}, at); err != nil {
					t.Fatal(err)
				}
				file[at] ^= 0x40
			}
			flip()
			what := fmt.Sprintf("%s of group %d of %d, %d records", part, i+1, len(ends), h.records)
			// with the first records goes the time from which on there are counts
			if wantNoSilence(t, dir, what, h.first > 0 || h.records == 0 || part == "body") {
				named++
			} else {
				silent++
			}
			flip()
		}
	}
	if named == 0 || silent == 0 {
		t.Error(named, silent)
	}
}

// groupAt returns where the next group is.
func groupAt(t *testing.T, file []byte, from int64) int {
	t.Helper()
	at := bytes.Index(file[from:], groupMagic)
	if at < 0 {
		t.Fatal("no group at ", from)
	}
	return int(from) + at
}

// wantNoSilence reports whether differences were named, and finds what is lost named to the record
// where that is wanted.
func wantNoSilence(t *testing.T, dir, what string, isExact bool) (named bool) {
	t.Helper()
	in, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	_, end := in.Range()
	lost := end
	if err := in.Read(
		0, func(b *record.Batch) error { lost -= b.End - b.First; return nil },
		func(string, error) {},
	); err != nil {
		t.Fatal(err)
	}
	books := in.Books(func(string, error) {})
	r := tally.Audit(books, time.Time{})
	missing := map[string]int64{}
	for _, d := range r.Differences {
		missing[d.Output] += d.Missing
	}
	counted, taken := int64(0), map[string]int64{}
	rows := map[string]bool{}
	for _, row := range books.Rows {
		if key := fmt.Sprint(row.From, row.Origin); isExact && rows[key] {
			t.Errorf("%s: two rows of %s", what, key)
		} else {
			rows[key] = true
		}
		counted += row.Row.Get(0, tally.Buffered).Records
		for _, o := range books.Outputs {
			taken[o.Name] += row.Row.Get(o.Number, tally.Taken).Records
		}
	}
	switch {
	case !isExact && len(r.Differences) == 0:
		t.Errorf("%s: no difference", what)
	case isExact && (counted != end || missing["late"] != lost):
		t.Errorf("%s: %d records counted of %d, %d are lost: %+v", what, counted, end, lost,
			r.Differences)
	}
	for _, o := range books.Outputs {
		if taken[o.Name] != o.Pos && missing[o.Name] == 0 {
			t.Errorf("%s: %s has taken %d records, and is beyond %d", what, o.Name, taken[o.Name],
				o.Pos)
		}
	}
	return len(r.Differences) > 0
}

// What a segment holds that was written and not acknowledged came again in the next one, and counts
// once, even where that has lost its beginning.
func TestWhatWasWrittenTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "killed")
	synctest.Test(t, func(t *testing.T) {
		from := t.TempDir()
		var disk faulty
		opt := small(t)
		opt.disk, opt.Sync = disk.disk(), true
		b := open(t, from, opt)
		cursor(t, b, "late")
		for i := range 6 {
			if i == 3 {
				disk.arm(stepSync, syscall.EIO, 0, 1)
			}
			appendWait(t, b, batchFrom("/var/log/app", 2, 100))
		}
		synctest.Wait()
		if err := copySparse(from, dir); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
	in, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	segs := in.Segments()
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if len(segs) != 2 {
		t.Fatal(segs)
	}
	edit(t, filepath.Join(segs[1].Dir, vlogName), func(p []byte) []byte {
		p[groupAt(t, p, vlogHeaderSize)+groupHeaderSize] ^= 1
		return p
	})
	books, r := audited(t, dir)
	if len(r.Differences) > 0 || len(books.Rows) != 1 ||
		books.Rows[0].Row.Get(0, tally.Buffered).Records != 12 {
		t.Errorf("%v %v", r.Differences, rowsOf(books))
	}
}

// Origins beyond those that are told apart are counted together, before a kill and after it.
func TestCountsOfManyOriginsAreFoundAgain(t *testing.T) {
	t.Parallel()
	b := open(t, t.TempDir(), small(t))
	for i := range maxNames + 50 {
		if err := b.Append(
			t.Context(), "in", batchFrom(fmt.Sprint("/var/log/", i), 1, 10), nil, nil,
		); err != nil {
			t.Fatal(err)
		}
	}
	appendWait(t, b, batchFrom("/var/log/other", 1, 10))
	want := rowsOf(b.Books())
	if got := rowsOf(killed(t, b.dir.path, small(t)).Books()); !slices.Equal(got, want) {
		t.Errorf("%d rows are found, want %d", len(got), len(want))
	}
	for range 20 { // whatever the order
		if n := numbersOf(map[uint32]string{3: "a", 9: "a", 4: "b"}); n["a"] != 9 || n["b"] != 4 {
			t.Error(n)
		}
	}
}

// What is written so long after it came that its minute is forgotten is counted nowhere.
func TestWhatIsOlderThanTheBooksIsNotCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		blocked := make(chan struct{})
		opt := small(t)
		opt.FlushBytes = 4 << 10
		opt.Codec = record.None
		opt.clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		opt.onStage = func(stage string) {
			if stage == "write" && ahead.Load() < 0 {
				<-blocked
			}
		}
		b := open(t, t.TempDir(), opt)
		appendWait(t, b, batchFrom("/var/log/app", 1, 10))
		ahead.Store(-1)
		for range 4 { // the first one is written, and the others wait for it
			if err := b.Append(
				t.Context(), "in", batchFrom("/var/log/app", 1, 5000), nil, nil,
			); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		ahead.Store(int64(9 * 24 * time.Hour))
		if err := b.Append(
			t.Context(), "in", batchFrom("/var/log/app", 1, 5000), nil, nil,
		); err != nil {
			t.Fatal(err)
		}
		close(blocked)
		appendWait(t, b, batchFrom("/var/log/app", 1, 10))
		want := rowsOf(b.Books())
		if len(want) != 1 {
			t.Error(want)
		}
		after := killed(t, b.dir.path, small(t))
		if got := rowsOf(after.Books()); !slices.Equal(got, want) {
			t.Errorf("found %v, want %v", got, want)
		}
		for _, b := range []*Buffer{b, after} {
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A kill while a buffer is marked with a later format leaves it in the one or the other, and what
// it leaves lying about is removed.
func TestAnUpgradeMayBeKilled(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"", "1\n", "2\n"} {
		dir, n := filled(t, true)
		mark := filepath.Join(dir, "FORMAT")
		if err := os.Remove(mark); err != nil {
			t.Fatal(err)
		}
		left := filepath.Join(dir, "FORMAT-123")
		for name, text := range map[string]string{mark: format, left: ""} {
			if name == mark && text == "" {
				continue
			}
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, _, got := readAll(t, dir)
		wantRun(t, got, 0, n)
		if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
		if text, err := os.ReadFile(mark); string(text) != "2\n" {
			t.Errorf("marked %q, %v", text, err)
		}
	}
}
