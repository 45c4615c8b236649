package spool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/penstock/penstock/buffer/record"
)

// letterbox is a dead letter outside of the store.
type letterbox struct {
	t       *testing.T
	offsets []int64
	full    func() bool // it takes nothing then; may be nil
	tried   chan struct{}
}

func newLetterbox(
	t *testing.T,
) *letterbox {
	return &letterbox{t: t, tried: make(chan struct{}, 1)}
}

func (l *letterbox) keep(ctx context.Context, b *record.Batch, reason string) error {
	if l.full != nil && l.full() {
		select {
		case l.tried <- struct{}{}:
		default:
		}
		<-ctx.Done()
		return ctx.Err()
	}
	if b.Topic != "app" || b.Origin != "app/0" || reason == "" {
		l.t.Errorf("a letter of topic %q, origin %q, reason %q", b.Topic, b.Origin, reason)
	}
	recs, err := b.Records()
	if err != nil {
		return err
	}
	for r := range recs {
		if r.Value != nil || string(r.Key) != fmt.Sprintf("k%d", r.Offset) {
			l.t.Errorf("letter %d has key %q and value %q", r.Offset, r.Key, r.Value)
		}
		l.offsets = append(l.offsets, r.Offset)
	}
	return nil
}

// drainWith archives topic with a letterbox until ctx ends or all of it is archived.
func drainWith(
	ctx context.Context, t *testing.T, s *memStore, topic *memTopic, batch int, box *letterbox,
	change func(*Config),
) (*Archiver, error) {
	t.Helper()
	a := testArchiver(t, s, change)
	a.env.DeadLetter = box.keep
	return a, a.Drain(ctx, refreshLog{topic.own(batch)})
}

func deadOffsets(upTo int64) []int64 {
	var out []int64
	for i := int64(0); i < upTo; i += 3 {
		out = append(out, i)
	}
	return out
}

func (s *memStore) deadObjects() int {
	n := 0
	for _, key := range s.keys() {
		if s.objs[key].meta[MetaClass] == "dead_letter" {
			n++
		}
	}
	return n
}

func TestDeadLettersElsewhere(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"by the format": nil,
		"by the path":   func(c *Config) { c.Time.Field = "ts" },
	} {
		t.Run(name, func(t *testing.T) {
			s, topic, box := newMemStore(), compacted(), newLetterbox(t)
			topic.seal()
			a, err := drainWith(t.Context(), t, s, topic, 7, box, change)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(box.offsets, deadOffsets(300)) || s.deadObjects() != 0 {
				t.Errorf("letters %v, %d objects of dead letters", box.offsets, s.deadObjects())
			}
			if topic.pos != 300 ||
				value(a.metrics.archived.WithLabelValues("dead_letter")) != 100 ||
				value(a.metrics.archived.WithLabelValues("main")) != 200 {
				t.Errorf("committed %d", topic.pos)
			}
		})
	}
}

// What the dead letter cannot keep holds up what follows, and is not passed by the position.
func TestDeadLetterThatTakesNothing(t *testing.T) {
	t.Parallel()
	s, topic, box := newMemStore(), compacted(), newLetterbox(t)
	topic.seal()
	box.full = func() bool { return len(box.offsets) >= 40 }
	ctx, stop := context.WithCancel(t.Context())
	go func() { <-box.tried; stop() }()
	if _, err := drainWith(
		ctx, t, s, topic, 7, box, func(c *Config) { c.Roll.Records, c.Roll.OnShutdown = 20, true },
	); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if topic.pos > 40*3 {
		t.Fatalf("committed %d, but the letter of position %d is not kept", topic.pos, 40*3)
	}
	box.full = nil
	if _, err := drainWith(t.Context(), t, s, topic, 7, box, nil); err != nil {
		t.Fatal(err)
	}
	slices.Sort(box.offsets)
	if got := slices.Compact(
		box.offsets,
	); !slices.Equal(got, deadOffsets(300)) ||
		topic.pos != 300 {
		t.Errorf("letters %v, committed %d", got, topic.pos)
	}
}

// The letters of a cut that is made again are kept again, and those after it for the first time.
func TestDeadLettersOfACutMadeAgain(t *testing.T) {
	t.Parallel()
	s, topic, box := newMemStore(), compacted(), newLetterbox(t)
	change := func(c *Config) { c.Roll.Records = 30 }
	ctx, crash := context.WithCancel(t.Context())
	var puts atomic.Int32
	s.put = func(_ string, do func() error) error {
		if puts.Add(1) > 2 {
			crash()
			return errTimeout
		}
		return do()
	}
	if _, err := drainWith(ctx, t, s, topic, 7, box, change); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s.put = nil
	pos, note := topic.committed()
	if !strings.Contains(note, `"intent"`) {
		t.Fatalf("no cut was begun: %d %s", pos, note)
	}
	box.offsets = nil
	topic.seal()
	a, err := drainWith(t.Context(), t, s, topic, 7, box, change)
	if err != nil {
		t.Fatal(err)
	}
	if value(a.metrics.redos) != 1 {
		t.Fatalf("%v redos", value(a.metrics.redos))
	}
	want := slices.DeleteFunc(deadOffsets(300), func(o int64) bool { return o < pos })
	if !slices.Equal(box.offsets, want) {
		t.Errorf(
			"after the crash in the cut from %d on: letters %v, want %v", pos, box.offsets, want,
		)
	}
}
