package spool

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// memTopic is one partition as a broker has it.
type memTopic struct {
	name      string
	partition int32

	mu     sync.Mutex
	cond   *sync.Cond
	recs   []record.Record
	start  int64 // retention
	end    int64
	sealed bool
	hung   bool // what there is is not given
	pos    int64
	note   string
	lease  int

	refuses  func(offset int64) string // why filters do; "" where they don't
	asBefore bool                      // by an earlier release, which brings all of that elsewhere
	aside    []int64                   // what was brought elsewhere
}

func newTopic(name string, partition int32) *memTopic {
	t := &memTopic{name: name, partition: partition}
	t.cond = sync.NewCond(&t.mu)
	return t
}

// produce appends records with the values that make gives for their offsets.
func (t *memTopic) produce(n int, make func(offset int64) (time.Time, string)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for range n {
		at, v := make(t.end)
		t.recs = append(t.recs, record.Record{Offset: t.end, Time: at.UnixNano(), Value: []byte(v)})
		t.end++
	}
	t.cond.Broadcast()
}

// gap makes the next n offsets hold nothing.
func (t *memTopic) gap(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end += n
	t.cond.Broadcast()
}

// retain removes what lies before start.
func (t *memTopic) retain(start int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start = start
	t.cond.Broadcast()
}

// compact takes the first n records, not the offsets.
func (t *memTopic) compact(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.recs = t.recs[n:]
	t.cond.Broadcast()
}

func (t *memTopic) hang(hung bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hung = hung
	t.cond.Broadcast()
}

func (t *memTopic) seal() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sealed = true
	t.cond.Broadcast()
}

func (t *memTopic) committed() (int64, string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pos, t.note
}

// own returns the partition as its new owner has it; all earlier ones are fenced.
func (t *memTopic) own(batch int) *memLog {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lease++
	t.cond.Broadcast()
	return &memLog{
		t:         t,
		lease:     t.lease,
		batch:     batch,
		pos:       t.pos,
		startPos:  t.pos,
		startNote: t.note,
	}
}

// memLog is a record.Log over a memTopic.
type memLog struct {
	t         *memTopic
	lease     int
	batch     int
	pos       int64
	startPos  int64
	startNote string
	keeps     bool
	keepFrom  int64
	commit    func(pos int64, note string, apply func() error) error // replaces the commit
}

func (l *memLog) Name() string               { return fmt.Sprintf("%s/%d", l.t.name, l.t.partition) }
func (l *memLog) Partition() (string, int32) { return l.t.name, l.t.partition }
func (l *memLog) SeekTo(pos int64) error     { l.pos = pos; return nil }
func (l *memLog) Committed() (int64, string) { return l.startPos, l.startNote }

func (l *memLog) End() int64 { l.t.mu.Lock(); defer l.t.mu.Unlock(); return l.t.end }

func (l *memLog) Next(ctx context.Context) (*record.Batch, error) {
	t := l.t
	t.mu.Lock()
	defer t.mu.Unlock()
	cond := t.cond // a test may replace it before the call below is made
	defer context.AfterFunc(ctx, func() { t.mu.Lock(); cond.Broadcast(); t.mu.Unlock() })()
	for {
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case l.lease != t.lease:
			return nil, fmt.Errorf("%s: %w", l.Name(), record.ErrFenced)
		}
		if t.hung {
			t.cond.Wait()
			continue
		}
		if t.start > l.pos {
			b := record.FromRecords("tag."+t.name, "", nil)
			b.First, b.End, b.Lost = l.pos, t.start, t.start-l.pos
			l.pos = t.start
			return b, nil
		}
		from := l.pos
		i, _ := slices.BinarySearchFunc(
			t.recs, from, func(r record.Record, pos int64) int { return int(r.Offset - pos) },
		)
		if j := min(i+l.batch, len(t.recs)); i < j {
			b := record.FromRecords("tag."+t.name, "", slices.Clone(t.recs[i:j]))
			l.pos = b.End
			if t.refuses != nil {
				b = l.refuse(b)
			}
			return b, nil
		}
		if t.end > l.pos {
			b := record.FromRecords("tag."+t.name, "", nil)
			b.First, b.End = l.pos, t.end
			l.pos = t.end
			return b, nil
		}
		if t.sealed {
			return nil, io.EOF
		}
		t.cond.Wait()
	}
}

// KeepRefused implements record.Refuser.
func (l *memLog) KeepRefused(from int64) bool {
	if l.t.refuses == nil || l.t.asBefore {
		return false
	}
	l.keeps, l.keepFrom = true, from
	return true
}

// refuse takes out what filters refuse. Caller holds mu of the topic.
func (l *memLog) refuse(b *record.Batch) *record.Batch {
	var kept []record.Record
	var refused []record.Refusal
	all, _ := b.Records()
	for r := range all {
		switch reason := l.t.refuses(r.Offset); {
		case reason == "":
			kept = append(kept, *r)
		case l.keeps && r.Offset >= l.keepFrom:
			refused = append(refused, record.Refusal{Record: *r, Reason: reason})
		default:
			l.t.aside = append(l.t.aside, r.Offset)
		}
	}
	out := record.FromRecords(b.Tag, b.Origin, kept)
	out.First, out.End, out.Refused = b.First, b.End, refused
	return out
}

func (l *memLog) apply(pos int64, note string) error {
	l.t.mu.Lock()
	defer l.t.mu.Unlock()
	if l.lease != l.t.lease {
		return record.ErrFenced
	}
	if pos < l.t.pos || len(note) > record.MaxNote {
		return fmt.Errorf("bad commit of %d at %d", pos, l.t.pos)
	}
	l.t.pos, l.t.note = pos, note
	return nil
}

func (l *memLog) Commit(ctx context.Context, pos int64, note string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.commit != nil {
		return l.commit(pos, note, func() error { return l.apply(pos, note) })
	}
	return l.apply(pos, note)
}

// refreshLog can also read back.
type refreshLog struct{ *memLog }

func (l refreshLog) Refresh(context.Context) (int64, string, error) {
	l.t.mu.Lock()
	defer l.t.mu.Unlock()
	if l.lease != l.t.lease {
		return 0, "", record.ErrFenced
	}
	return l.t.pos, l.t.note, nil
}

// memStore is a Store in memory.
type memStore struct {
	mu   sync.Mutex
	objs map[string]memObject
	put  func(key string, do func() error) error // replaces the put
}

type memObject struct {
	data []byte
	meta map[string]string
}

func newMemStore() *memStore { return &memStore{objs: map[string]memObject{}} }

func (s *memStore) Put(
	ctx context.Context, key string, r io.ReaderAt, size int64, opts PutOptions,
) error {
	if err := errors.Join(CheckKey(key), opts.Check()); err != nil {
		return err
	}
	data := make([]byte, size)
	if n, err := r.ReadAt(data, 0); int64(n) != size || err != nil && err != io.EOF {
		return fmt.Errorf("read %d of %d: %w", n, size, err)
	}
	do := func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, ok := s.objs[key]; ok && opts.IfAbsent {
			return ErrExists
		}
		s.objs[key] = memObject{data, opts.All()}
		return nil
	}
	if s.put != nil {
		return s.put(key, do)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return do()
}

func (s *memStore) Get(_ context.Context, key string) (io.ReadCloser, Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objs[key]
	if !ok {
		return nil, Object{}, ErrNotFound
	}
	return io.NopCloser(
			bytes.NewReader(o.data),
		), Object{
			Key:      key,
			Size:     int64(len(o.data)),
			Metadata: o.meta,
		}, nil
}

func (s *memStore) List(_ context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for _, k := range s.keys() {
			if strings.HasPrefix(k, prefix) && !yield(Object{Key: k}, nil) {
				return
			}
		}
	}
}

func (s *memStore) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objs, key)
	return nil
}

func (s *memStore) keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for k := range s.objs {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// lines returns the decompressed lines of an object.
func (s *memStore) lines(t testing.TB, key string) []string {
	t.Helper()
	r, _, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	var in io.Reader = r
	switch {
	case strings.HasSuffix(key, ".gz"):
		if in, err = gzip.NewReader(r); err != nil {
			t.Fatal(err)
		}
	case strings.HasSuffix(key, ".zst"):
		z, err := zstd.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		in = z
	}
	var out []string
	sc := bufio.NewScanner(in)
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		out = append(out, sc.Text())
	}
	if sc.Err() != nil {
		t.Fatalf("%s: %v", key, sc.Err())
	}
	return out
}

// testLine is a record's value: its offset is how records are told apart.
func testLine(offset int64, partition int32) string {
	return fmt.Sprintf(
		`{"id":%d,"p":%d,"pad":"%s"}`, offset, partition, strings.Repeat("x", int(offset%50)),
	)
}

// checkOnce checks that each record of topics that exists below its committed position is in
// exactly one object, in order within it, and none besides.
func checkOnce(
	t testing.TB, s *memStore, except func(topic *memTopic, offset int64) bool, topics ...*memTopic,
) {
	t.Helper()
	seen := map[string]string{}
	for _, key := range s.keys() {
		if strings.HasPrefix(key[strings.LastIndexByte(key, '/')+1:], "_") {
			continue
		}
		last := map[int32]int64{}
		for _, line := range s.lines(t, key) {
			var v struct {
				ID    int64
				P     int32
				Value string `json:"value_text"`
			}
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatalf("%s: %q: %v", key, line, err)
			}
			if v.Value != "" { // a dead letter
				_ = json.Unmarshal([]byte(v.Value), &v)
			}
			id := fmt.Sprintf("%d/%d", v.P, v.ID)
			if prev, ok := seen[id]; ok {
				t.Errorf("record %s is in %s and in %s", id, prev, key)
			}
			if prev, ok := last[v.P]; ok && prev >= v.ID {
				t.Errorf("%s: record %d after %d", key, v.ID, prev)
			}
			seen[id], last[v.P] = key, v.ID
		}
	}
	for _, topic := range topics {
		topic.mu.Lock()
		for _, r := range topic.recs {
			id := fmt.Sprintf("%d/%d", topic.partition, r.Offset)
			_, ok := seen[id]
			switch {
			case except != nil && except(topic, r.Offset):
			case r.Offset < topic.pos && !ok:
				t.Errorf("record %s is lost (committed %d)", id, topic.pos)
			}
		}
		topic.mu.Unlock()
	}
}

func testArchiver(t testing.TB, s Store, change func(*Config)) *Archiver {
	t.Helper()
	cfg := Default()
	cfg.Roll = RollConfig{Records: 1000}
	cfg.Time.Field = ""
	if change != nil {
		change(&cfg)
	}
	level := slog.LevelWarn
	if testing.Verbose() {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: level}))
	a, err := NewArchiver(
		cfg,
		s,
		Env{
			Name:    "output.test.lake",
			Agent:   "edge-1",
			Log:     log,
			Metrics: prometheus.NewRegistry(),
			Dir:     t.TempDir(),
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if m, d := a.budget.used(true), a.budget.used(false); m != 0 || d != 0 {
			t.Errorf("%d bytes of memory and %d of disk are still on the account", m, d)
		}
	})
	return a
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

// waitFor polls until ok, or fails the test.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !ok() {
		select {
		case <-poll.C:
		case <-deadline.C:
			t.Fatalf("waited too long for %s", what)
		}
	}
}

func value(c prometheus.Collector) float64 { return testutil.ToFloat64(c) }

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// hourly makes records spread over hours.
func hourly(partition int32, hours int64) func(int64) (time.Time, string) {
	return func(offset int64) (time.Time, string) {
		return day.Add(
			time.Duration(offset%hours)*time.Hour + time.Duration(offset)*time.Millisecond,
		), testLine(offset, partition)
	}
}

func mustTemplate(s string) template.Template { return template.MustParse(s) }

func (a *Archiver) objectsPut() float64 { return value(a.metrics.objects) }
