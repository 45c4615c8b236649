package ledger

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func newTopic(t *testing.T, opts ...kfake.Opt) (*Topic, *kadm.Client) {
	t.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	topic, err := NewTopic(
		"counts", kgo.SeedBrokers(c.ListenAddrs()...), kgo.MetadataMinAge(10*time.Millisecond),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = topic.Close() })
	return topic, kadm.NewClient(topic.cl)
}

// readTopic reads what was published from noon on.
func readTopic(t *testing.T, topic *Topic) (pages []*Page, bad []string) {
	t.Helper()
	pages, err := Read(
		t.Context(), topic, "audit", noon, minute(120),
		func(key string, err error) { bad = append(bad, key+": "+err.Error()) },
	)
	if err != nil {
		t.Fatal(err)
	}
	return pages, bad
}

// A topic has every publication of a page: the last counts, once.
func TestTopicCountsTheLastPublicationOfAPage(t *testing.T) {
	t.Parallel()
	topic, _ := newTopic(t, kfake.SeedTopics(3, "counts"))
	count := 0
	pages := func(time.Time) (all []Page) {
		for i := range 5 {
			page := Page{Agent: fmt.Sprint("web-", i), Pipeline: "app", Hour: noon}
			page.Lines = []tally.Line{line(0, "/log", "o", tally.Read, count)}
			all = append(all, page)
		}
		return all
	}
	cfg := Config{Place: topic, Prefix: "/audit/", Interval: time.Minute, Keep: 24 * time.Hour}
	p := NewPublisher(cfg, "web-1", pages, func(*Page) {}, slog.New(slog.DiscardHandler))
	for i := range 3 {
		count += 10
		if err := p.Publish(t.Context(), minute(i)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // what was read can be read again
		all, bad := readTopic(t, topic)
		if len(all) != 5 || len(bad) > 0 {
			t.Fatal(len(all), "pages", bad)
		}
		for _, page := range all {
			if n := page.Lines[0].Counts["read"].Records; n != 30 {
				t.Errorf("%s has read %d records", page.Agent, n)
			}
		}
	}
	other, err := Read(t.Context(), topic, "another", noon, minute(120), func(string, error) {})
	if err != nil || len(other) > 0 {
		t.Error("another prefix has", other, err)
	}
}

// A page is larger than a record may be; of one that is not all there, the one before it counts.
func TestTopicPartsLargePages(t *testing.T) {
	t.Parallel()
	topic, _ := newTopic(t, kfake.SeedTopics(2, "counts"))
	random := runtest.Rand(t)
	page := func(lines int) *Page {
		p := &Page{Format: format, Agent: "web-1", Pipeline: "app", Hour: noon}
		for range lines {
			p.Lines = append(p.Lines, line(0, noise(random), "o", tally.Read, 1))
		}
		return p
	}
	put := func(p *Page, n int) []byte {
		t.Helper()
		data, err := p.encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := topic.Put(t.Context(), p.key("audit"), data, minute(n)); err != nil {
			t.Fatal(err)
		}
		return data
	}
	if data := put(page(16_000), 1); len(data) < 2*partSize {
		t.Fatal("a page of", len(data), "bytes is no test")
	}
	all, bad := readTopic(t, topic)
	if len(all) != 1 || len(all[0].Lines) != 16_000 || len(bad) > 0 {
		t.Fatal(len(all), "pages", bad)
	}
	put(page(1), 2)
	half := &kgo.Record{
		Key: []byte(page(1).key("audit")), Value: []byte("half"), Timestamp: minute(3),
		Headers: []kgo.RecordHeader{
			{Key: partHeader, Value: fmt.Appendf(nil, "%d/0/2", minute(3).UnixNano())},
		},
	}
	foreign := &kgo.Record{Key: []byte("audit/2026-01-02T12/x/y"), Timestamp: minute(3)}
	if err := topic.cl.ProduceSync(t.Context(), half, foreign).FirstErr(); err != nil {
		t.Fatal(err)
	}
	all, bad = readTopic(t, topic)
	if len(all) != 1 || len(all[0].Lines) != 1 {
		t.Error(len(all), "pages")
	}
	if len(bad) == 0 || !strings.Contains(bad[0], "no header") {
		t.Error(bad)
	}
}

func noise(r *rand.Rand) string {
	b := make([]byte, 120)
	for i := range b {
		b[i] = byte('a' + r.IntN(26))
	}
	return string(b)
}

// A topic that is missing fails a round, which says so, and the next one that finds it works.
func TestTopicThatIsMissing(t *testing.T) {
	t.Parallel()
	topic, admin := newTopic(t)
	pages := func(time.Time) []Page {
		return []Page{{Agent: "web-1", Pipeline: "app", Hour: time.Now().UTC().Truncate(time.Hour)}}
	}
	var log strings.Builder
	p := NewPublisher(
		Config{Place: topic, Prefix: "audit", Keep: 24 * time.Hour, Do: "make the topic"}, "web-1",
		pages, func(*Page) {}, slog.New(slog.NewTextHandler(&log, nil)),
	)
	p.round(t.Context(), passTimeout)
	if testutil.ToFloat64(p.failed) != 1 || !strings.Contains(log.String(), "topic counts: UNKNOWN") ||
		!strings.Contains(log.String(), "make the topic") {
		t.Error(log.String())
	}
	nobody := func(string, error) {}
	if _, err := Read(t.Context(), topic, "audit", noon, noon, nobody); err == nil {
		t.Error("a topic that is missing is read")
	}
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "counts"); err != nil {
		t.Fatal(err)
	}
	runtest.Until(t, "the topic takes pages", func() bool {
		p.round(t.Context(), passTimeout)
		return testutil.ToFloat64(p.written) == 1
	})
	now := time.Now()
	all, err := Read(t.Context(), topic, "audit", now.Add(-time.Hour), now, nobody)
	if err != nil || len(all) != 1 {
		t.Error(all, err)
	}
}
