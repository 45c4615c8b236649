package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// refuseOverwrites makes s refuse to put over what is there, as a bucket under a retention policy
// does. lose decides whether the answer to a put that was applied is lost.
func refuseOverwrites(s *memStore, lose func(key string) bool) {
	s.put = func(key string, do func() error) error {
		s.mu.Lock()
		_, taken := s.objs[key]
		s.mu.Unlock()
		if taken {
			return fmt.Errorf("put %s: %w: 403 retentionPolicyNotMet", key, ErrRefused)
		}
		if err := do(); err != nil || !lose(key) {
			return err
		}
		return errTimeout
	}
}

// firstTime returns a function that is true at each key's first call.
func firstTime() func(key string) bool {
	var seen sync.Map
	return func(key string) bool {
		_, again := seen.LoadOrStore(key, true)
		return !again
	}
}

// The answer to every first put is lost, and the store does not overwrite: what is there is what is
// to be there, and that is that.
func TestStoreThatRefusesToOverwrite_LostAnswers(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.produce(2_000, hourly(0, 4))
	refuseOverwrites(s, firstTime())
	a := drainAll(t, s, topic, 100, nil)
	checkOnce(t, s, nil, topic)
	if n := len(a.Stuck()); n != 0 || value(a.metrics.conflicts) != 0 {
		t.Errorf("stuck: %q", a.Stuck())
	}
}

// The process ends after the uploads and before the end is committed: the cut that is made again
// finds all its objects there.
func TestStoreThatRefusesToOverwrite_Redo(t *testing.T) {
	t.Parallel()
	for _, half := range []bool{false, true} {
		s, topic := newMemStore(), newTopic("app", 0)
		topic.produce(1_000, hourly(0, 4))
		topic.seal()
		refuseOverwrites(s, func(string) bool { return false })
		ctx, crash := context.WithCancelCause(t.Context())
		log := topic.own(100)
		var puts atomic.Int32
		refuse := s.put
		s.put = func(key string, do func() error) error {
			if half && puts.Add(1) > 2 {
				crash(errCrash)
				return errTimeout
			}
			return refuse(key, do)
		}
		log.commit = func(_ int64, note string, apply func() error) error {
			if strings.Contains(note, "intent") {
				return apply()
			}
			crash(errCrash)
			return errTimeout
		}
		a := testArchiver(t, s, nil)
		if err := a.Drain(ctx, refreshLog{log}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if len(s.keys()) == 0 {
			t.Fatal("nothing was stored before the crash: the test shows nothing")
		}
		s.put = refuse
		a = drainAll(t, s, topic, 33, nil)
		checkOnce(t, s, nil, topic)
		if value(a.metrics.redos) != 1 {
			t.Errorf("%v redos", value(a.metrics.redos))
		}
	}
}

// Another object is in the way: its log waits, with a word of what is there, readiness and a
// metric, the others go on, and so does the log once the object is gone.
func TestStoreThatRefusesToOverwrite_AnotherObject(t *testing.T) {
	t.Parallel()
	for _, batches := range []bool{false, true} {
		mem, topic, other := newMemStore(), newTopic("app", 0), newTopic("app", 1)
		var s Store = mem
		if batches {
			s = &batchStore{
				memStore: mem,
				commit:   func(int) (int, error) { return 0, fmt.Errorf("%w: 403", ErrRefused) },
			}
		}
		topic.produce(1_500, hourly(0, 12))
		other.produce(1_500, hourly(1, 12))
		const key = "app/dt=2026-03-01/hr=03/app-0_00000000000000000000-00000000000000001000.ndjson.gz"
		mem.objs[key] = memObject{[]byte("something else"), map[string]string{"owner": "somebody"}}
		refuseOverwrites(mem, func(string) bool { return false })
		a := testArchiver(t, s, nil)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() { ended <- a.Drain(ctx, topic.own(100)) }()
		waitFor(
			t, "the object in the way to be met",
			func() bool { return value(a.metrics.conflicts) == 1 },
		)
		go func() { ended <- a.Drain(ctx, other.own(100)) }()
		waitFor(
			t, "the other log to go on",
			func() bool { pos, _ := other.committed(); return pos >= 1_000 },
		)
		stuck := strings.Join(a.Stuck(), "\n")
		for _, want := range []string{key, "14 bytes", "owner:somebody", "refuses to overwrite"} {
			if !strings.Contains(stuck, want) {
				t.Errorf("no word of %q in %q", want, stuck)
			}
		}
		if pos, _ := topic.committed(); pos != 0 {
			t.Errorf("committed %d with an object that is not stored", pos)
		}
		if err := mem.Delete(ctx, key); err != nil {
			t.Fatal(err)
		}
		waitFor(
			t, "the log to go on", func() bool { pos, _ := topic.committed(); return pos >= 1_000 },
		)
		if len(a.Stuck()) != 0 || value(a.metrics.conflicts) != 0 {
			t.Errorf("stuck still: %q", a.Stuck())
		}
		stop()
		for range 2 {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		topic.seal()
		other.seal()
		drainAll(t, mem, topic, 100, nil)
		drainAll(t, mem, other, 100, nil)
		checkOnce(t, mem, nil, topic, other)
	}
}

// Place tells what is there from what is to be there by size, metadata and contents.
func TestPlaceTellsWhatIsThereAlready(t *testing.T) {
	t.Parallel()
	s := newMemStore()
	refuseOverwrites(s, func(string) bool { return false })
	data := bytes.Repeat([]byte("0123456789"), 20_000)
	meta := map[string]string{MetaStart: "1", MetaVersion: "v1"}
	changed := bytes.Clone(data)
	changed[150_000]++
	for _, c := range []struct {
		there memObject
		want  string // "" for the same
	}{
		{memObject{data, meta}, ""},
		{memObject{data, map[string]string{MetaStart: "1", MetaVersion: "v2"}}, ""},
		{memObject{data, nil}, ""},
		{memObject{data, map[string]string{MetaStart: "2"}}, `penstock-start is to be "1" and is "2"`},
		{memObject{changed, meta}, "contents differ"},
		{memObject{data[1:], meta}, "200000 bytes are to be put"},
	} {
		s.objs["key"] = c.there
		err := PutOnce(
			t.Context(), s, "key", bytes.NewReader(data), int64(len(data)),
			PutOptions{Metadata: meta},
		)
		var conflict *ConflictError
		switch {
		case c.want == "" && err == nil:
		case c.want != "" && errors.As(err, &conflict) && errors.Is(err, ErrRefused) && strings.Contains(err.Error(), c.want):
		default:
			t.Errorf("%v: %v, want %q", c.there.meta, err, c.want)
		}
		if err = PutOnce(
			t.Context(), s, "key", bytes.NewReader(data), int64(len(data)),
			PutOptions{Metadata: meta, IfAbsent: true},
		); (c.want == "") != (err == nil) ||
			err != nil && !errors.Is(err, ErrExists) {
			t.Errorf("%v, if absent: %v", c.there.meta, err)
		}
	}
	refused := func(string, func() error) error { return fmt.Errorf("%w: no such bucket", ErrRefused) }
	s.put = refused
	err := PutOnce(t.Context(), s, "new", bytes.NewReader(data), int64(len(data)), PutOptions{})
	if !errors.Is(err, ErrRefused) || errors.As(err, new(*ConflictError)) {
		t.Errorf("nothing there: %v", err)
	}
}

// Who may neither put nor look is told so once, and not the whole refusal twice.
func TestARefusalIsNotToldTwice(t *testing.T) {
	t.Parallel()
	s := refusesAll{newMemStore()}
	err := PutOnce(t.Context(), s, "key", strings.NewReader("x"), 1, PutOptions{})
	if !errors.Is(err, ErrRefused) || strings.Count(err.Error(), "403 wrong signature") != 1 ||
		!strings.Contains(err.Error(), "nor may it be read") {
		t.Error(err)
	}
}

// refusesAll is a store that takes the credentials for nothing.
type refusesAll struct{ Store }

func (refusesAll) Put(context.Context, string, io.ReaderAt, int64, PutOptions) error {
	return fmt.Errorf("%w: 403 wrong signature", ErrRefused)
}

func (refusesAll) Get(context.Context, string) (io.ReadCloser, Object, error) {
	return nil, Object{}, fmt.Errorf("%w: 403 wrong signature", ErrRefused)
}
