package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs/local"
	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/format"
	"github.com/prometheus/client_golang/prometheus"
)

// sliceLog is a partition of prepared records.
type sliceLog struct {
	topic string
	recs  []record.Record
	next  int
	pos   int64
	note  string
}

func (l *sliceLog) Name() string               { return l.topic + "/3" }
func (l *sliceLog) Partition() (string, int32) { return l.topic, 3 }
func (l *sliceLog) SeekTo(pos int64) error     { l.next = int(pos); return nil }
func (l *sliceLog) Committed() (int64, string) { return l.pos, l.note }
func (l *sliceLog) Commit(_ context.Context, pos int64, note string) error {
	l.pos, l.note = pos, note
	return nil
}

func (l *sliceLog) Next(context.Context) (*record.Batch, error) {
	if l.next >= len(l.recs) {
		return nil, io.EOF
	}
	end := min(l.next+100, len(l.recs))
	b := record.FromRecords(l.topic, "", l.recs[l.next:end])
	l.next = end
	return b, nil
}

// archive stores 1,000 records in three cuts, every tenth of them a dead letter, and returns the
// store.
func archive(t *testing.T, change func(*spool.Config)) *local.Store {
	t.Helper()
	return archiveTopic(t, "app", change)
}

func archiveTopic(t *testing.T, topic string, change func(*spool.Config)) *local.Store {
	t.Helper()
	cfg := local.DefaultStore()
	cfg.Directory = t.TempDir()
	store, err := local.NewStore(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	l := sliceLog{topic: topic}
	for i := range 1000 {
		r := record.Record{
			Offset: int64(
				i,
			),
			Time:    time.Date(2026, 1, 2, i%3, 0, 0, 0, time.UTC).UnixNano(),
			Key:     []byte{byte(i), 0xff},
			Value:   fmt.Appendf(nil, `{"id":%d,"ts":%d}`, i, 1767312000+i%3*3600),
			Headers: []record.Header{{Key: "h", Value: []byte("v")}},
		}
		if i%10 == 0 {
			r.Value = fmt.Appendf(nil, "no json %d", i)
		}
		l.recs = append(l.recs, r)
	}
	sc := spool.Default()
	sc.Roll = spool.RollConfig{Records: 400}
	sc.Time.Field = "ts"
	f := format.Default()
	f.Envelope, f.EnvelopeValue = true, "text"
	sc.Format = &f
	if change != nil {
		change(&sc)
	}
	a, err := spool.NewArchiver(
		sc,
		store,
		spool.Env{
			Agent:   "a",
			Log:     slog.New(slog.DiscardHandler),
			Metrics: prometheus.NewRegistry(),
			Dir:     t.TempDir(),
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Drain(t.Context(), &l); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return store
}

func verify(t *testing.T, store spool.Store, opts Options) *Report {
	t.Helper()
	rep, err := Verify(t.Context(), store, opts)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestVerifySound(t *testing.T) {
	for _, kind := range []string{"ndjson", "avro", "parquet"} {
		store := archive(t, func(c *spool.Config) {
			c.Format.Type, c.Format.Metadata = kind, true
			c.Compression = "zstd"
		})
		rep := verify(t, store, Options{Deep: true})
		if !rep.OK() || len(rep.Gaps) > 0 || rep.Records != 1000 || rep.Read != 1000 ||
			rep.Located != 1000 ||
			rep.Cuts != 3 ||
			rep.Logs["app-3"].End != 1000 {
			t.Errorf("%s: %+v %+v", kind, rep, rep.Logs["app-3"])
		}
		if rep := verify(t, store, Options{Topic: "app", From: 450, To: 460}); !rep.OK() ||
			rep.Cuts != 1 {
			t.Errorf("%s: range: %+v", kind, rep)
		}
	}
}

func copyObject(
	t *testing.T, store spool.Store, from, to string,
	change func(data []byte, meta map[string]string) []byte,
) {
	t.Helper()
	r, obj, err := store.Get(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	meta := maps.Clone(obj.Metadata)
	if change != nil {
		data = change(data, meta)
	}
	if err := store.Put(
		t.Context(), to, bytes.NewReader(data), int64(len(data)), spool.PutOptions{Metadata: meta},
	); err != nil {
		t.Fatal(err)
	}
}

const firstObject = "app/dt=2026-01-02/hr=01/" +
	"app-3_00000000000000000000-00000000000000000400.ndjson.gz"

// Each way to damage an archive is found, and called by its name.
func TestVerifyFindsDamage(t *testing.T) {
	const first = firstObject
	for _, c := range []struct {
		name, want string
		deep       bool
		damage     func(t *testing.T, s spool.Store)
	}{
		{"a copy in another partition", "duplicate", true, func(t *testing.T, s spool.Store) {
			copyObject(t, s, first, strings.Replace(first, "hr=01", "hr=09", 1), nil)
		}},
		{"a cut that begins in another", "overlap", false, func(t *testing.T, s spool.Store) {
			copyObject(t, s, first, strings.Replace(first, "00000-00000000000000000400", "00300-00000000000000000400", 1), func(b []byte, m map[string]string) []byte {
				m[spool.MetaStart], m[spool.MetaFirst] = "300", "300"
				return b
			})
		}},
		{"metadata of another cut", "name", false, func(t *testing.T, s spool.Store) {
			copyObject(t, s, first, first, func(b []byte, m map[string]string) []byte { m[spool.MetaEnd] = "401"; return b })
		}},
		{"a cut that ends long before it begins", "range", true, func(t *testing.T, s spool.Store) {
			copyObject(t, s, firstObject, firstObject, func(b []byte, m map[string]string) []byte {
				m[spool.MetaStart] = "400"
				m[spool.MetaEnd] = "1"
				return b
			})
		}},
		{"a cut without end", "name", true, func(t *testing.T, s spool.Store) {
			copyObject(t, s, firstObject, firstObject, func(b []byte, m map[string]string) []byte {
				m[spool.MetaEnd] = fmt.Sprint(int64(math.MaxInt64))
				return b
			})
		}},
		{"a wrong count", "count", true, func(t *testing.T, s spool.Store) {
			copyObject(t, s, first, first, func(b []byte, m map[string]string) []byte { m[spool.MetaRecords] = "7"; return b })
		}},
		{"an object cut short", "unreadable", true, func(t *testing.T, s spool.Store) {
			copyObject(t, s, first, first, func(b []byte, _ map[string]string) []byte { return b[:len(b)/2] })
		}},
		{"a cut half uploaded", "incomplete", false, func(t *testing.T, s spool.Store) {
			if err := s.Delete(t.Context(), first); err != nil {
				t.Fatal(err)
			}
		}},
		{"records of a cut gone by retention", "lost", true, func(t *testing.T, s spool.Store) {
			copyObject(t, s, first, first, func(b []byte, m map[string]string) []byte { m[spool.MetaCutLost] = "7"; return b })
		}},
		{"two topics of one name in one log", "life", false, func(t *testing.T, s spool.Store) {
			copyObject(t, s, first, first, func(b []byte, m map[string]string) []byte { m[spool.MetaTopicID] = "a"; return b })
			copyObject(t, s, strings.Replace(first, "hr=01", "hr=02", 1), strings.Replace(first, "hr=01", "hr=02", 1),
				func(b []byte, m map[string]string) []byte { m[spool.MetaTopicID] = "b"; return b })
		}},
		{"an object of somebody else", "unknown", false, func(t *testing.T, s spool.Store) {
			if err := s.Put(t.Context(), "app/other.txt", strings.NewReader("x"), 1, spool.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := archive(t, nil)
			c.damage(t, store)
			rep := verify(t, store, Options{Deep: c.deep})
			if !slices.ContainsFunc(
				rep.Problems, func(p Problem) bool { return p.Kind == c.want },
			) {
				t.Errorf("want %s, got %+v", c.want, rep.Problems)
			}
		})
	}
	store := archive(t, nil)
	deleteCut := func(end string) {
		for o, err := range store.List(t.Context(), "") {
			if err == nil && strings.Contains(o.Key, "-"+end) {
				err = store.Delete(t.Context(), o.Key)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	deleteCut("00000000000000000800")
	if rep := verify(t, store, Options{}); len(rep.Gaps) != 1 ||
		rep.Gaps[0] != (Gap{"app-3", 400, 800}) {
		t.Errorf("a missing cut: %+v", rep)
	}
	known := map[string]int64{"app-3": 1100, "app-4": 9}
	if rep := verify(t, store, Options{From: 850, Archived: known}); len(rep.Gaps) != 1 ||
		rep.Gaps[0] != (Gap{"app-3", 1000, 1100}) {
		t.Errorf("the newest objects are missing: %+v", rep)
	}
	if rep := verify(t, store, Options{From: 850, To: 1200}); len(rep.Gaps) != 1 ||
		rep.Gaps[0] != (Gap{"app-3", 1000, 1200}) {
		t.Errorf("a range that is not archived yet: %+v", rep)
	}
	if rep := verify(t, store, Options{Prefix: "app/"}); !rep.OK() || rep.Cuts != 2 ||
		rep.Partial != 2 {
		t.Errorf("dead letters are not below the prefix: %+v", rep)
	}
	if rep := verify(t, store, Options{}); rep.Partial != 0 {
		t.Errorf("%+v", rep)
	}
	deleteCut("00000000000000000400")
	if rep := verify(t, store, Options{}); len(rep.Gaps) != 0 {
		t.Errorf("the oldest objects went by their age: %+v", rep)
	}
	if rep := verify(t, store, Options{Begins: true}); len(rep.Gaps) != 1 ||
		rep.Gaps[0] != (Gap{"app-3", 0, 800}) {
		t.Errorf("all that there ever was is asked for: %+v", rep)
	}
}

// atGet calls do before each object is read.
type atGet struct {
	spool.Store
	do func(key string) error
}

func (s atGet) Get(ctx context.Context, key string) (io.ReadCloser, spool.Object, error) {
	if err := s.do(key); err != nil {
		return nil, spool.Object{}, err
	}
	return s.Store.Get(ctx, key)
}

// A lifecycle rule takes the oldest cut between the listing and the look at it.
func TestVerifyWhileObjectsGo(t *testing.T) {
	store := archive(t, nil)
	rep := verify(t, atGet{store, func(key string) error {
		if strings.Contains(key, "-00000000000000000400") {
			return store.Delete(t.Context(), key)
		}
		return nil
	}}, Options{})
	if !rep.OK() || rep.Cuts != 2 || rep.Logs["app-3"].Start != 400 {
		t.Errorf("%+v", rep)
	}
}

// A log that an earlier release began, whose names have no life, was archived anew.
func TestVerifyOneTopicInTwoLives(t *testing.T) {
	for id, want := range map[string]int{"x": 1, "y": 0} {
		store := archive(t, nil)
		for o, err := range store.List(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			copyObject(t, store, o.Key, o.Key, func(b []byte, m map[string]string) []byte {
				m[spool.MetaTopicID] = "x"
				return b
			})
			if !strings.Contains(o.Key, "-00000000000000000800") {
				continue
			}
			copyObject(t, store, o.Key, strings.Replace(o.Key, ".ndjson", ".0a1b2c3d.ndjson", 1),
				func(b []byte, m map[string]string) []byte {
					m[spool.MetaTopicID], m[spool.MetaLife] = id, "0a1b2c3d"
					return b
				})
		}
		rep := verify(t, store, Options{})
		if len(rep.Problems) != want || want > 0 && rep.Problems[0].Kind != "overlap" {
			t.Errorf("%s: %+v", id, rep.Problems)
		}
	}
}

// Objects that were copied without our metadata are told apart by their names.
func TestVerifyCopiesWithoutMetadata(t *testing.T) {
	store := archive(t, nil)
	for o, err := range store.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		for _, life := range []string{".0a1b2c3d", ".0a1b2c3e"} {
			copyObject(t, store, o.Key, strings.Replace(o.Key, ".ndjson", life+".ndjson", 1),
				func(b []byte, m map[string]string) []byte {
					clear(m)
					m["copied-by"] = "somebody"
					return b
				})
		}
		if err := store.Delete(t.Context(), o.Key); err != nil {
			t.Fatal(err)
		}
	}
	rep := verify(t, store, Options{Deep: true})
	if !rep.OK() || rep.Logs["app-3.0a1b2c3d"] == nil || rep.Logs["app-3.0a1b2c3e"] == nil ||
		rep.Records != 2000 {
		t.Errorf("%+v", rep)
	}
}

// What a consumer stores while objects are listed may be seen in part.
func TestVerifyWhileACutIsStored(t *testing.T) {
	store := archive(t, nil)
	var last []string
	for o, err := range store.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.Contains(o.Key, "-00000000000000000800"):
			if err := store.Delete(t.Context(), o.Key); err != nil {
				t.Fatal(err)
			}
		case strings.Contains(o.Key, "-00000000000000001000"):
			last = append(last, o.Key)
		}
	}
	if err := store.Delete(t.Context(), last[0]); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		moved          []Open
		problems, gaps int
	}{
		{nil, 1, 1},
		{[]Open{{Log: "app-3", Start: 400, End: 1000}}, 0, 0},
		{[]Open{{Log: "app-3", Start: 800, End: 1000}}, 0, 1},
		{[]Open{{Log: "app-3", Start: 400, End: 800}, {Log: "app-2", Start: 0, End: 1000}}, 1, 0},
	} {
		rep := verify(t, store, Options{Moved: func() []Open { return c.moved }})
		if len(rep.Problems) != c.problems || len(rep.Gaps) != c.gaps {
			t.Errorf("%+v: %+v", c.moved, rep)
		}
	}
}

// What fails for one object is not tried with all others, and told once.
func TestListEndsWithTheFirstError(t *testing.T) {
	store := archive(t, nil)
	for i := range 200 {
		copyObject(t, store, firstObject, fmt.Sprintf("%s.%d", firstObject, i), nil)
	}
	var asked atomic.Int64
	denied := errors.New("denied")
	_, err := List(t.Context(), atGet{store, func(string) error {
		asked.Add(1)
		return denied
	}}, "")
	if !errors.Is(err, denied) || strings.Contains(err.Error(), "\n") || asked.Load() > 2*parallel {
		t.Errorf("%d objects were asked for: %v", asked.Load(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = List(ctx, atGet{store, func(string) error { cancel(); return nil }}, "")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// Objects whose names begin as those of markers do, since their topic does, are objects.
func TestVerifyTopicNamedLikeAMarker(t *testing.T) {
	for _, topic := range []string{"_events", ".events"} {
		store := archiveTopic(t, topic, nil)
		for _, marker := range []string{
			topic + "/dt=2026-01-02/hr=00/_SUCCESS", topic + "/dt=2026-01-02/hr=00/.hidden",
			"_dead_letter/.penstock/lease/00000000000000000001.json",
		} {
			if err := store.Put(
				t.Context(), marker, strings.NewReader(""), 0, spool.PutOptions{},
			); err != nil {
				t.Fatal(err)
			}
		}
		rep := verify(t, store, Options{Deep: true})
		if !rep.OK() || rep.Records != 1000 || rep.Cuts != 3 {
			t.Errorf("%s: %+v", topic, rep)
		}
	}
}

func TestLifeOf(t *testing.T) {
	for key, want := range map[string]string{
		"a/app-0_00000000000000000000-00000000000000000100.ndjson.gz":          NoLife,
		"a/app-0_00000000000000000000-00000000000000000100.0a1b2c3d.ndjson.gz": "0a1b2c3d",
		"a/1_0_00000000000000000023.gz":                                        NoLife,
		"a/1_0_00000000000000000023.0a1b2c3d.gz":                               "0a1b2c3d",
	} {
		if got := LifeOf(key); got != want {
			t.Errorf("%s: %s", key, got)
		}
	}
	for name, want := range map[string][3]string{
		"app-3": {"app", "3", ""}, "app-3.0a1b2c3d": {"app", "3", "0a1b2c3d"}, "a-1.0a1b2c3d-4": {"a-1.0a1b2c3d", "4", ""},
	} {
		if topic, p, life, ok := SplitLog(
			name,
		); !ok ||
			[3]string{topic, fmt.Sprint(p), life} != want {
			t.Errorf("%s: %s %d %q %v", name, topic, p, life, ok)
		}
	}
}

func TestReadFindsEveryRecord(t *testing.T) {
	store := archive(t, nil)
	n := 0
	objects, err := List(t.Context(), store, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		err := Read(t.Context(), store, o.Key, func(e *format.Entry) error {
			want := fmt.Sprintf(`{"id":%d,`, e.Offset)
			if e.Offset%10 == 0 {
				want = fmt.Sprintf("no json %d", e.Offset)
			}
			if !e.Located || e.Topic != "app" || e.Partition != 3 ||
				!strings.HasPrefix(string(e.Value), want) ||
				len(e.Headers) != 1 ||
				!bytes.Equal(e.Key, []byte{byte(e.Offset), 0xff}) {
				t.Fatalf("%s: %+v", o.Key, e)
			}
			n++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n != 1000 {
		t.Errorf("read %d records", n)
	}
}
