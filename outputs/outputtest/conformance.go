package outputtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/prometheus/client_golang/prometheus"
)

// Harness lets Run test one kind of output against a destination of its own.
type Harness interface {
	// New returns a new outputs.Writer or outputs.AsyncWriter in front of the destination.
	New(t testing.TB, env outputs.Env) any
	// Received returns what the destination has, in the order of its arrival (per origin at least),
	// repeats included. Only what Keeps names must be set.
	Received(t testing.TB) []Received
	// Break makes the destination refuse or ignore everything, and Mend ends that.
	Break(t testing.TB)
	Mend(t testing.TB)
	// Keeps tells what of a record survives on the way.
	Keeps() Keeps
}

// Keeps tells what a destination keeps of a record, beside its value.
type Keeps struct {
	Tag, Origin, Key, Headers, Time bool
	NullValue                       bool // apart from an empty one
	Binary                          bool // values that are not UTF-8, or hold line ends
	MaxValue                        int  // size of the largest value, in bytes; 0 for 8 MiB
}

// Refuser is implemented by harnesses whose destination can refuse single records for good.
type Refuser interface {
	// Refuse makes the destination refuse values for which refuse returns true; nil ends it.
	Refuse(t testing.TB, refuse func(value []byte) bool)
}

// Run tests an output. newHarness returns a fresh destination each time, which ends with the test.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *bench)
	}{
		{"DeliversInOrderPerOrigin", testOrder},
		{"GoesOnAfterAFault", testFault},
		{"KeepsContents", testContents},
		{"MapsAreSeenAsJSON", testMaps},
		{"LargeRecords", testLarge},
		{"EndsWhileInFlight", testCancel},
		{"PermanentRefusals", testRefusals},
		{"ClosesUnused", func(t *testing.T, b *bench) { b.close(t, b.open(t)) }},
	} {
		t.Run(
			c.name,
			func(t *testing.T) { c.test(t, &bench{h: newHarness(t), log: NewMemLog("conformance")}) },
		)
	}
}

type bench struct {
	h    Harness
	log  *MemLog
	sent []string
	next map[string]int
	dead dead
}

const patience = 30 * time.Second

type dead struct {
	mu   sync.Mutex
	vals []string
}

func (d *dead) Keep(_ context.Context, records []outputs.DeadRecord) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range records {
		d.vals = append(d.vals, string(l.Record.Value))
	}
	return nil
}

func (d *dead) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.vals)
}

func (b *bench) open(t *testing.T) *drain.Drainer {
	t.Helper()
	env := outputs.Env{
		Name:    "output.test.conformance",
		Agent:   "host",
		Dir:     t.TempDir(),
		Metrics: prometheus.NewRegistry(),
		Log:     slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	c := outputs.DefaultCommon()
	c.Retry = outputs.Retry{Min: 5 * time.Millisecond, Max: 100 * time.Millisecond}
	var d *drain.Drainer
	var err error
	switch w := b.h.New(t, env).(type) {
	case outputs.AsyncWriter:
		d, err = drain.NewAsyncOutput(w, c, env, drain.Targets{DeadLetter: &b.dead})
	case outputs.Writer:
		d, err = drain.NewOutput(w, c, env, drain.Targets{DeadLetter: &b.dead})
	default:
		t.Fatalf("%T is no writer", w)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (b *bench) close(t *testing.T, d *drain.Drainer) {
	t.Helper()
	errc := make(chan error, 1)
	go func() { errc <- d.Close() }()
	select {
	case err := <-errc:
		if err != nil {
			t.Fatalf("close: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("close does not return")
	}
}

func (b *bench) fill(batches, origins int) {
	if b.next == nil {
		b.next = map[string]int{}
	}
	for range batches {
		origin := fmt.Sprintf("origin-%d", rand.IntN(origins))
		var w record.Builder
		w.Reset("test.tag", origin, 0)
		for range 1 + rand.IntN(20) {
			v := fmt.Sprintf("%s %d", origin, b.next[origin])
			b.next[origin]++
			b.sent = append(b.sent, v)
			w.Append(time.Now().UnixNano(), []byte(origin), []byte(v), nil)
		}
		b.log.Append(w.Build())
	}
}

// drain starts d and returns how to wait for it.
func (b *bench) drain(t *testing.T, ctx context.Context, d *drain.Drainer) (wait func() error) {
	errc := make(chan error, 1)
	owner := b.log.Owner()
	go func() { errc <- d.Drain(ctx, owner) }()
	return func() error {
		select {
		case err := <-errc:
			return err
		case <-time.After(patience):
			t.Fatalf("drain does not end: %+v", d.Status())
			return nil
		}
	}
}

// check checks that everything arrived, and first arrivals in order. It returns the number of
// repeats.
func (b *bench) check(t *testing.T) (repeats int) {
	t.Helper()
	seen := map[string]bool{}
	for _, v := range b.dead.all() {
		seen[v] = true
	}
	last := map[string]int{}
	for _, r := range b.h.Received(t) {
		v := string(r.Record.Value)
		var origin string
		var n int
		if _, err := fmt.Sscanf(v, "%s %d", &origin, &n); err != nil {
			t.Fatalf("received %q, which was not sent", v)
		}
		if seen[v] {
			repeats++
			continue
		}
		seen[v] = true
		if p, ok := last[origin]; ok && n < p {
			t.Fatalf("%s: %d arrived for the first time after %d", origin, n, p)
		}
		last[origin] = n
	}
	for _, v := range b.sent {
		if !seen[v] {
			t.Fatalf("lost: %q, of %d", v, len(b.sent))
		}
	}
	return repeats
}

func testOrder(t *testing.T, b *bench) {
	d := b.open(t)
	b.fill(300, 9)
	b.log.Seal()
	if err := b.drain(t, t.Context(), d)(); err != nil {
		t.Fatal(err)
	}
	b.close(t, d)
	if n := b.check(t); n != 0 {
		t.Fatalf("%d repeats without a fault", n)
	}
	if pos, _ := b.log.Committed(); pos != b.log.End() {
		t.Fatalf("committed %d of %d", pos, b.log.End())
	}
}

func testFault(t *testing.T, b *bench) {
	d := b.open(t)
	wait := b.drain(t, t.Context(), d)
	for range 3 {
		b.fill(50, 5)
		b.h.Break(t)
		b.fill(50, 5)
		b.until(t, "a failure", func() bool { return d.Status().Failing })
		b.h.Mend(t)
		b.until(
			t, "all to be committed",
			func() bool { pos, _ := b.log.Committed(); return pos == b.log.End() },
		)
	}
	b.log.Seal()
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	b.close(t, d)
	b.check(t)
	if n := len(b.dead.all()); n != 0 {
		t.Fatalf(
			"%d records went to the dead letter: a fault that passes is no refusal for good", n,
		)
	}
}

func (b *bench) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func testContents(t *testing.T, b *bench) {
	want := contents(b.h.Keeps())
	var w record.Builder
	w.Reset("test.tag", "origin", 0)
	for _, r := range want {
		w.Append(r.Time, r.Key, r.Value, r.Headers)
	}
	b.log.Append(w.Build())
	b.log.Seal()
	d := b.open(t)
	if err := b.drain(t, t.Context(), d)(); err != nil {
		t.Fatal(err)
	}
	b.close(t, d)
	got := b.h.Received(t)
	if len(got) != len(want) {
		t.Fatalf("%d records arrived, want %d; dead letters: %q", len(got), len(want), b.dead.all())
	}
	for i, g := range got {
		if !b.h.Keeps().kept(want[i], g) {
			t.Errorf("record %d arrived as %+v, sent %+v", i, g, want[i])
		}
	}
}

// testMaps sends what an input has kept in msgpack: a destination gets its JSON, or what that is
// read from, also of a batch that is delivered in part.
func testMaps(t *testing.T, b *bench) {
	var want []string
	for _, n := range []int{3, 100, 2000} { // some outputs treat large batches otherwise
		var w record.Builder
		w.Reset("test.tag", "origin", 0)
		w.SetForm(record.Msgpack)
		for i := range n {
			value := []byte("\x82\xa1n\xcd\x00\x00\xa4text\xc4\x04bin ")
			binary.BigEndian.PutUint16(value[4:], uint16(i))
			w.Append(time.Now().UnixNano(), nil, value, nil)
			want = append(want, fmt.Sprintf(`{"n":%d,"text":"bin "}`, i))
		}
		b.log.Append(w.Build())
	}
	if err := b.log.Owner().Commit(t.Context(), 1, ""); err != nil {
		t.Fatal(err)
	}
	want = want[1:]
	b.log.Seal()
	d := b.open(t)
	if err := b.drain(t, t.Context(), d)(); err != nil {
		t.Fatal(err)
	}
	b.close(t, d)
	var got []string
	for _, r := range b.h.Received(t) {
		got = append(got, string(r.Record.Value))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%d arrived, %.200q, want %d, %.200q", len(got), got, len(want), want)
	}
}

// contents returns records with all that a destination keeps of them.
func contents(keeps Keeps) []record.Record {
	values := [][]byte{
		[]byte("plain"),
		{},
		[]byte(`{"a":"b"}`),
		[]byte("ünïcödé \t tab"),
		[]byte(" spaces "),
	}
	if keeps.NullValue {
		values = append(values, nil)
	}
	if keeps.Binary {
		values = append(
			values, []byte("two\nlines"), []byte{0, 1, 0xff, 0xfe, '\r', '\n'},
			[]byte("\xed\xa0\x80"),
		)
	}
	base := time.Now().Truncate(time.Millisecond).UnixNano()
	records := make([]record.Record, len(values))
	for i, v := range values {
		r := record.Record{Time: base + int64(i)*1e6, Value: v}
		switch i % 3 {
		case 0:
			r.Key = []byte(fmt.Sprint("key ", i))
		case 1:
			r.Key = []byte{}
		}
		if i%2 == 0 {
			r.Headers = []record.Header{
				{Key: "h", Value: []byte("v")},
				{Key: "h", Value: []byte("again")},
				{Key: "", Value: []byte{}},
			}
		}
		records[i] = r
	}
	return records
}

// kept reports whether what arrived has of w what is to be kept.
func (keeps Keeps) kept(w record.Record, g Received) bool {
	r := g.Record
	sameHeader := func(x, y record.Header) bool {
		return x.Key == y.Key && bytes.Equal(x.Value, y.Value)
	}
	return bytes.Equal(r.Value, w.Value) &&
		(!keeps.NullValue || (r.Value == nil) == (w.Value == nil)) &&
		(!keeps.Key || bytes.Equal(r.Key, w.Key) && (r.Key == nil) == (w.Key == nil)) &&
		(!keeps.Headers || slices.EqualFunc(r.Headers, w.Headers, sameHeader)) &&
		(!keeps.Time || r.Time == w.Time) &&
		(!keeps.Tag || g.Tag == "test.tag") &&
		(!keeps.Origin || g.Origin == "origin")
}

func testLarge(t *testing.T, b *bench) {
	limit := b.h.Keeps().MaxValue
	if limit == 0 {
		limit = 8 << 20
	}
	sizes := []int{1, limit / 2, limit, 10, limit}
	for i, n := range sizes {
		b.log.Append(
			record.FromRecords(
				"test.tag",
				"origin",
				[]record.Record{
					{Time: time.Now().UnixNano(), Value: bytes.Repeat([]byte{byte('a' + i)}, n)},
				},
			),
		)
	}
	b.log.Seal()
	d := b.open(t)
	if err := b.drain(t, t.Context(), d)(); err != nil {
		t.Fatal(err)
	}
	b.close(t, d)
	got := b.h.Received(t)
	if len(got) != len(sizes) {
		t.Fatalf("%d records arrived, want %d", len(got), len(sizes))
	}
	for i, n := range sizes {
		if v := got[i].Record.Value; len(v) != n || v[0] != byte('a'+i) || v[n-1] != byte('a'+i) {
			t.Errorf("record %d has %d bytes, want %d", i, len(v), n)
		}
	}
}

func testCancel(t *testing.T, b *bench) {
	b.h.Break(t)
	d := b.open(t)
	b.fill(100, 5)
	ctx, cancel := context.WithCancel(t.Context())
	wait := b.drain(t, ctx, d)
	b.until(
		t, "a failure, or batches in flight",
		func() bool { s := d.Status(); return s.Failing || s.FlyingBatches > 0 },
	)
	cancel()
	if err := wait(); !errors.Is(err, context.Canceled) {
		t.Fatalf("drain returned %v", err)
	}
	b.close(t, d)
	b.h.Mend(t)
	d = b.open(t)
	b.log.Seal()
	if err := b.drain(t, t.Context(), d)(); err != nil {
		t.Fatal(err)
	}
	b.close(t, d)
	b.check(t)
}

func testRefusals(t *testing.T, b *bench) {
	r, ok := b.h.(Refuser)
	if !ok {
		t.Skip("the destination refuses no single records")
	}
	r.Refuse(t, func(v []byte) bool { return bytes.HasSuffix(v, []byte("7")) })
	d := b.open(t)
	b.fill(100, 5)
	b.log.Seal()
	if err := b.drain(t, t.Context(), d)(); err != nil {
		t.Fatal(err)
	}
	b.close(t, d)
	b.check(t)
	refused := 0
	for _, v := range b.sent {
		if v[len(v)-1] == '7' {
			refused++
		}
	}
	if n := len(b.dead.all()); n != refused || refused == 0 {
		t.Fatalf("%d records in the dead letter, want %d", n, refused)
	}
	for _, g := range b.h.Received(t) {
		if bytes.HasSuffix(g.Record.Value, []byte("7")) {
			t.Fatalf("%q arrived and was refused", g.Record.Value)
		}
	}
}
