package buffer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/buffer/record/tally"
)

// countsModel knows what was appended, and what the books said after each commit. The agent is
// killed after any group; its clock is set to and fro, and its disk fails.
type countsModel struct {
	t      *testing.T
	rng    *rand.Rand
	opt    Options
	clock  atomic.Int64 // what is added to the time
	disk   faulty
	births births
	keeps  bool // all segments, because of an output that never delivers
	b      *Buffer
	dir    string
	out    []*Cursor
	made   []tally.Entry
	head   string             // the newest segment
	said   map[int64][]string // what the books said when it was so long
	first  *segment           // the oldest one, and how long the newest was when it became that
	since  int64
	killed map[string]int // how often, and where
}

// births copies the directory of a buffer when a segment is begun that holds nothing yet, as a kill
// leaves it then.
type births struct {
	to    string      // where copies go
	wants atomic.Bool // one
	mu    sync.Mutex
	known map[string]bool // directories of segments
	made  []string
	err   error
}

func (b *births) look(s step, dir string) {
	if s != stepWrite {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known[dir] {
		return
	}
	if b.known[dir] = true; b.wants.CompareAndSwap(true, false) {
		to := filepath.Join(b.to, fmt.Sprint(len(b.known)))
		b.made = append(b.made, to)
		b.err = errors.Join(b.err, copySparse(filepath.Dir(dir), to))
	}
}

func newCountsModel(t *testing.T, rng *rand.Rand, keeps bool) *countsModel {
	m := &countsModel{t: t, rng: rng, keeps: keeps, dir: t.TempDir(), killed: map[string]int{}}
	m.opt = small(t)
	m.opt.Log, m.opt.Codec = nil, record.None
	m.opt.FlushBytes, m.opt.Sync = 16<<10, rng.IntN(2) == 0
	m.births.to, m.births.known = t.TempDir(), map[string]bool{}
	m.opt.disk = disk{fault: func(s step, path string) error {
		m.births.look(s, path)
		return m.disk.fault(s, path)
	}}
	m.opt.clock = func() time.Time { return time.Now().Add(time.Duration(m.clock.Load())) }
	m.open()
	return m
}

func (m *countsModel) open() {
	m.b = open(m.t, m.dir, m.opt)
	m.out, m.head = nil, ""
	for _, name := range []string{"out", "filtered"} {
		m.out = append(m.out, cursor(m.t, m.b, name))
	}
	if m.keeps {
		cursor(m.t, m.b, "late")
	}
	m.made = slices.DeleteFunc(
		m.made, func(e tally.Entry) bool { return e.End > m.b.End() },
	)
}

func (m *countsModel) step() {
	switch k := m.rng.IntN(100); {
	case k < 40:
		for range 1 + m.rng.IntN(6) {
			m.append()
		}
	case k < 85:
		m.deliver(m.out[m.rng.IntN(len(m.out))])
	case k < 93:
		time.Sleep(time.Duration(m.rng.IntN(60)) * time.Second)
	case k < 97:
		by := []time.Duration{
			time.Minute, -time.Minute, 5 * time.Minute, time.Hour, -time.Hour, 25 * time.Hour,
		}[m.rng.IntN(6)]
		if by+time.Duration(m.clock.Load()) < 5*24*time.Hour { // after a week it forgets
			m.clock.Add(int64(by))
		}
	default:
		fails := []step{stepStore, stepSync, stepWrite}[m.rng.IntN(3)]
		m.disk.arm(fails, []error{syscall.EIO, syscall.ENOSPC}[m.rng.IntN(2)], m.rng.IntN(3), 1)
		m.append()
		m.deliver(m.out[0])
		m.append()
		time.Sleep(5 * time.Second)
		m.disk.arm("", nil, 0, 0)
	}
	synctest.Wait()
	m.look()
	if m.keeps && m.rng.IntN(10) == 0 {
		m.births.wants.Store(true)
	}
}

// atBirth looks at what kills leave when a segment is begun.
func (m *countsModel) atBirth() {
	m.births.mu.Lock()
	made, err := m.births.made, m.births.err
	m.births.made = nil
	m.births.mu.Unlock()
	if err != nil {
		m.t.Fatal(err)
	}
	for _, dir := range made {
		m.killed["at the birth of a segment"]++
		m.check(dir, 0)
		if err := os.RemoveAll(dir); err != nil {
			m.t.Fatal(err)
		}
	}
}

func (m *countsModel) append() {
	var bb record.Builder
	bb.Reset("app", fmt.Sprint("/var/log/", m.rng.IntN(6)), 10)
	for range 1 + m.rng.IntN(9) {
		bb.Append(1, nil, make([]byte, m.rng.IntN(3000)), nil)
	}
	batch := bb.Build()
	if err := m.b.Append(m.t.Context(), "in", batch, []record.Position{
		{Key: batch.Origin, Value: fmt.Append(nil, m.rng.IntN(1000))},
	}, nil); err != nil {
		m.t.Fatal(err)
	}
	e := tally.Entry{Origin: batch.Origin, First: batch.First, End: batch.End}
	e.Count = tally.Count{Records: int64(batch.Len()), Bytes: int64(batch.Size())}
	m.made = append(m.made, e)
}

func (m *countsModel) deliver(c *Cursor) {
	for range m.rng.IntN(5) {
		if c.pos >= m.b.End() {
			break
		}
		batch := next(m.t, c)
		if c.name != "filtered" || batch.Len() < 2 {
			noteDelivered(c, batch)
			continue
		}
		e := tally.Entry{Origin: batch.Origin, First: batch.First, End: batch.End}
		for s, n := range map[tally.Stage]int{
			tally.Taken: batch.Len(), tally.Filtered: 1, tally.Delivered: batch.Len() - 1,
		} {
			e.Stage, e.Count = s, tally.Count{Records: int64(n), Bytes: int64(10 * n)}
			c.Note(e)
		}
	}
	if m.rng.IntN(2) == 0 || !c.Advance(c.pos) {
		commit(m.t, c, c.pos)
	}
}

// look takes note of what the books say, and of how much is written then.
func (m *countsModel) look() {
	m.b.mu.Lock()
	head := m.b.chain.segs[len(m.b.chain.segs)-1]
	dir, size, first := head.dir, head.disk, m.b.chain.segs[0]
	m.b.mu.Unlock()
	if dir != m.head {
		m.head, m.said, m.since = dir, map[int64][]string{}, 0
	}
	if first != m.first {
		m.first, m.since = first, size
	}
	m.said[size] = rowsOf(m.b.Books())
}

// kill ends the agent after some of the groups of the newest segment. Each copy that is looked at
// has fewer of them; it goes on with one.
func (m *countsModel) kill() {
	m.atBirth()
	to := filepath.Join(m.t.TempDir(), "killed")
	if err := copySparse(m.dir, to); err != nil {
		m.t.Fatal(err)
	}
	vlog := filepath.Join(to, filepath.Base(m.head), vlogName)
	ends := groupEnds(m.t, vlog)
	since, _ := slices.BinarySearch(ends, m.since)
	at := len(ends) - 1
	for i := range 1 + m.rng.IntN(4) {
		if i > 0 {
			at = since + m.rng.IntN(at-since+1)
		}
		cut(m.t, vlog, ends[at])
		m.check(to, ends[at])
	}
	if err := m.b.Close(); err != nil {
		m.t.Fatal(err)
	}
	m.dir = to
	m.open()
}

// check compares the counts in dir with what the data says that has survived, and with what the
// books said if the newest segment was so long once.
func (m *countsModel) check(dir string, size int64) {
	t := m.t
	t.Helper()
	books, r := audited(t, dir)
	if len(r.Differences) > 0 {
		t.Fatalf("%s\n%s", r.Differences[0].String(), strings.Join(rowsOf(books), "\n"))
	}
	if said, ok := m.said[size]; ok {
		m.killed["after a commit"]++
		if got := rowsOf(books); !slices.Equal(got, said) {
			t.Fatalf(
				"the books say\n%s\nand said\n%s", strings.Join(got, "\n"), strings.Join(said, "\n"),
			)
		}
	} else {
		m.killed["within a commit"]++
	}
	in, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, end := in.Range()
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	got, want := map[string]tally.Count{}, map[string]tally.Count{}
	for _, e := range m.made {
		if e.End <= end {
			want[e.Origin] = want[e.Origin].Plus(e.Count)
		}
	}
	for _, row := range books.Rows {
		if n := row.Row.Get(0, tally.Buffered); n.Records > 0 {
			got[row.Origin] = got[row.Origin].Plus(n)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("buffered %v, and there are %v", got, want)
	}
	for _, o := range books.Outputs {
		var taken, passed int64
		for _, row := range books.Rows {
			taken += row.Row.Get(o.Number, tally.Taken).Records
		}
		for _, e := range m.made {
			passed += max(min(e.End, o.Pos)-e.First, 0)
		}
		if taken != passed {
			t.Fatalf("%s has taken %d records, and is beyond %d", o.Name, taken, passed)
		}
	}
}

// groupEnds returns where each group of a value log ends.
func groupEnds(t *testing.T, vlog string) (ends []int64) {
	t.Helper()
	file, err := os.Open(vlog)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for off := int64(vlogHeaderSize); ; {
		_, next, err := readEntryAt(file, off)
		if err != nil {
			return ends
		}
		off = next
		ends = append(ends, off)
	}
}

// cut leaves the first n bytes of a value log as a kill does: what follows is zero.
func cut(t *testing.T, vlog string, n int64) {
	t.Helper()
	fi, err := os.Stat(vlog)
	if err == nil {
		err = os.Truncate(vlog, n)
	}
	if err == nil {
		err = os.Truncate(vlog, fi.Size())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Wherever the agent is killed, the counts are those of what has survived: to the last byte what
// the books said after that commit, and within one what the groups hold and outputs are beyond.
func TestCountsAfterAnyKillAreThoseOfWhatSurvives(t *testing.T) {
	t.Parallel()
	rng := runtest.Rand(t)
	rounds := 10
	if runtest.Long() {
		rounds = 60
	}
	for _, keeps := range []bool{false, true} {
		t.Run(fmt.Sprint("keeps=", keeps), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newCountsModel(t, rng, keeps)
				for range rounds {
					for range 5 + rng.IntN(50) {
						m.step()
					}
					m.kill()
				}
				if err := m.b.Close(); err != nil {
					t.Fatal(err)
				}
				t.Log(m.killed, len(m.made), "batches")
			})
		})
	}
}
