package spool

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/format"
	"github.com/penstock/penstock/spool/partition"
)

// compacted is a topic in which every third record is a tombstone.
func compacted() *memTopic {
	topic := newTopic("app", 0)
	topic.produce(300, func(o int64) (time.Time, string) {
		return day, fmt.Sprintf(`{"id":%d,"p":0,"ts":%q}`, o, day.Format(time.RFC3339))
	})
	for i := range topic.recs {
		topic.recs[i].Key = fmt.Appendf(nil, "k%d", i)
		if i%3 == 0 {
			topic.recs[i].Value = nil
		}
	}
	return topic
}

func formatOf(kind string, change func(*format.Config)) *format.Config {
	c := format.Default()
	c.Type = kind
	if change != nil {
		change(&c)
	}
	return &c
}

func TestTombstonesAreRefusedSkippedOrKept(t *testing.T) {
	t.Parallel()
	count := func(s *memStore, t *testing.T) (main, dead int) {
		for _, key := range s.keys() {
			n := len(s.lines(t, key))
			if n == 0 {
				t.Errorf("%s is empty", key)
			}
			if strings.Contains(key, "dead_letter") || strings.Contains(key, "_dead") {
				dead += n
			} else {
				main += n
			}
		}
		return main, dead
	}
	for _, c := range []struct {
		name                string
		change              func(*Config)
		main, dead, skipped int
	}{
		{"dead letter", func(*Config) {}, 200, 100, 0},
		{"skip", func(c *Config) { c.OnNull = "skip" }, 200, 0, 100},
		{"skip, no time", func(c *Config) { c.OnNull, c.Time.Field = "skip", "ts" }, 200, 0, 100},
		{"skip, stop", func(c *Config) { c.OnNull, c.OnMissing, c.Time.Field = "skip", "stop", "ts" }, 200, 0, 100},
		{"skip, stop, by the format", func(c *Config) { c.OnNull, c.OnMissing = "skip", "stop" }, 200, 0, 100},
		{"envelope", func(c *Config) { c.Format = formatOf("ndjson", func(f *format.Config) { f.Envelope = true }) }, 300, 0, 0},
		{"envelope, skip", func(c *Config) {
			c.OnNull, c.Format = "skip", formatOf("ndjson", func(f *format.Config) { f.Envelope = true })
		}, 300, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, topic := newMemStore(), compacted()
			a := drainAll(t, s, topic, 7, c.change)
			main, dead := count(s, t)
			if skipped := int(
				value(a.metrics.skipped),
			); main != c.main || dead != c.dead ||
				skipped != c.skipped {
				t.Errorf(
					"%d archived, %d dead letters, %d skipped; want %d, %d, %d", main, dead,
					skipped, c.main, c.dead, c.skipped,
				)
			}
		})
	}
}

// Nothing but tombstones: the position moves on, and there is no object.
func TestOnlyTombstones(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), compacted()
	for i := range topic.recs {
		topic.recs[i].Value = nil
	}
	drainAll(t, s, topic, 7, func(c *Config) { c.OnNull = "skip" })
	if keys := s.keys(); len(keys) != 0 {
		t.Errorf("objects %v", keys)
	}
}

// A path whose only record is refused by the format has no object: readers of the path would trip
// over an empty file.
func TestRefusedRecordsMakeNoEmptyObject(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ndjson", "parquet", "avro"} {
		s, topic := newMemStore(), newTopic("app", 0)
		topic.produce(20, func(o int64) (time.Time, string) {
			at := day.Add(time.Duration(o) * time.Hour)
			if o%2 == 0 {
				return at, "no JSON"
			}
			return at, fmt.Sprintf(`{"id":%d,"p":0}`, o)
		})
		a := drainAll(
			t, s, topic, 3,
			func(c *Config) { c.Format, c.Compression = formatOf(kind, nil), "none" },
		)
		if n := len(s.keys()); n != 11 {
			t.Errorf("%s: %d objects, want ten hours and one dead letter: %v", kind, n, s.keys())
		}
		for _, key := range s.keys() {
			if s.objs[key].meta[MetaRecords] == "0" {
				t.Errorf("%s: %s holds nothing", kind, key)
			}
		}
		if got := value(
			a.metrics.archived.WithLabelValues(classNames[partition.DeadLetter]),
		); got != 10 {
			t.Errorf("%s: %v dead letters", kind, got)
		}
	}
}

// A dead letter is read back with what it was, where it was, and why it is one.
func TestDeadLettersAreReadBack(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), compacted()
	topic.recs[5].Value, topic.recs[5].Headers = []byte(
		"\xff no JSON",
	), []record.Header{
		{Key: "h", Value: []byte("v")},
	}
	a := drainAll(t, s, topic, 7, nil)
	if n := a.failing.deadLetters.n.Load(); n != 101 {
		t.Errorf("%d dead letters told of", n)
	}
	found := 0
	for _, key := range s.keys() {
		if s.objs[key].meta[MetaClass] != "dead_letter" {
			continue
		}
		err := format.ReadLines(
			bytes.NewReader(s.objs[key].data),
			format.Kind(key),
			func(e *format.Entry) error {
				found++
				want := topic.recs[e.Offset]
				if !e.Located || e.Topic != "app" || e.Partition != 0 || !bytes.Equal(e.Value, want.Value) || (e.Value == nil) != (want.Value == nil) ||
					!bytes.Equal(e.Key, want.Key) || len(e.Headers) != len(want.Headers) ||
					e.Reason == "" {
					t.Errorf("read %+v, want %+v", e, want)
				}
				return nil
			},
		)
		if err != nil {
			t.Fatal(err)
		}
	}
	if found != 101 {
		t.Errorf("%d dead letters", found)
	}
}
