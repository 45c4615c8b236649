package spool

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/format"
	"github.com/penstock/penstock/spool/partition"
)

// A Kafka timestamp that nanoseconds cannot hold is in microseconds, by mistake, or in year 9999 on
// purpose. It is never shown as another time, and a record that needs it becomes a dead letter that
// has the number.
func TestTimeThatCannotBeHeld(t *testing.T) {
	t.Parallel()
	const ms = "1767225600000000"
	rec := record.Record{
		Time: math.MaxInt64, Value: []byte(`{"id":0,"ts":"2026-03-01T00:10:00Z"}`),
		Headers: []record.Header{{Key: record.HeaderTimestamp, Value: []byte(ms)}},
	}
	for name, c := range map[string]struct {
		change func(*Config)
		dead   bool
	}{
		"partitioned by it":              {func(*Config) {}, true},
		"partitioned by it, in any year": {func(c *Config) { c.Time.Latest = "2262-04-11T00:00:00Z" }, true},
		"shown by the envelope": {func(c *Config) {
			c.Time.Field = "ts"
			f := format.Default()
			f.Envelope = true
			c.Format = &f
		}, true},
		"not needed": {func(c *Config) { c.Time.Field = "ts" }, false},
	} {
		s, topic := newMemStore(), newTopic("app", 0)
		topic.recs, topic.end = []record.Record{rec}, 1
		drainAll(t, s, topic, 10, c.change)
		key := s.keys()[0]
		line := s.lines(t, key)[0]
		if dead := strings.HasPrefix(key, "_dead_letter/"); dead != c.dead ||
			dead && strings.Count(line, ms) != 2 {
			t.Errorf("%s: %s: %s", name, key, line)
		}
		if !c.dead && !strings.Contains(key, "dt=2026-03-01/hr=00/") {
			t.Errorf("%s: %s", name, key)
		}
	}
	part, err := partition.New(partition.Default(), "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	if start, end, ok := part.Span(
		time.Date(9999, 12, 31, 23, 59, 0, 0, time.UTC),
	); !ok || start.Year() != 9999 ||
		end.Sub(start) != time.Hour {
		t.Errorf("the hour of 9999 is %v to %v", start, end)
	}
}
