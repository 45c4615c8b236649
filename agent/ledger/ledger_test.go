package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/penstock/penstock/outputs/outputtest"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

// line is what was read in a minute, with what became of it in pairs of stage and count.
func line(n int, origin, output string, counts ...any) tally.Line {
	l := tally.Line{
		From: minute(n), Span: time.Minute, Origin: origin, Output: output,
		Counts: map[string]tally.Count{},
	}
	for i := 0; i < len(counts); i += 2 {
		l.Counts[counts[i].(tally.Stage).String()] = tally.Count{Records: int64(counts[i+1].(int))}
	}
	return l
}

// fleet is an edge, a forwarder and two consumers of one topic, a hundred records a minute.
type fleet struct{ edge, tron, lake, other *Page }

const minutes = 30

func newFleet() *fleet {
	at := State{Published: minute(minutes + 1)}
	kafka := End{ID: "input.kafka.in", Topics: []string{"app"}, Brokers: []string{"k2:9092", "k1:9092"}}
	f := &fleet{
		edge: &Page{
			Agent: "web-1", Hosts: []string{"web-1", "10.0.0.1"}, Pipeline: "app", State: at,
			From: []End{{ID: "input.tail.app"}}, To: []End{{ID: "output.forward.tron"}},
		},
		tron: &Page{
			Agent: "tron", Hosts: []string{"tron"}, Pipeline: "relay", State: at,
			From: []End{{ID: "input.forward.in"}},
			To:   []End{{ID: "output.kafka.events", Topics: kafka.Topics, Brokers: []string{"k1:9092"}}},
		},
		lake: &Page{
			Agent: "lake-1", Pipeline: "lake", Run: "a", State: at, From: []End{kafka},
			To: []End{{ID: "output.s3.lake"}},
		},
		other: &Page{
			Agent: "lake-2", Pipeline: "lake", Run: "b", State: at, From: []End{kafka},
			To: []End{{ID: "output.s3.lake"}},
		},
	}
	for m := range minutes { // each minute's last ten records arrive in the next
		late := 10
		if m == 0 {
			late = 0
		}
		all := 90 + late
		if m == minutes-1 {
			all += 10
		}
		f.edge.Lines = append(
			f.edge.Lines, line(m, "/log", "output.forward.tron", tally.Read, 100, tally.Delivered, 100),
		)
		f.tron.Lines = append(f.tron.Lines, line(
			m, "web-1//log", "output.kafka.events", tally.Read, all, tally.Delivered, all,
		))
		half := all / 2
		for i, p := range []*Page{f.lake, f.other} {
			p.Lines = append(p.Lines, line(
				m, fmt.Sprintf("app/%d", i), "output.s3.lake", tally.Read, half, tally.Taken, half,
				tally.Delivered, half,
			))
		}
	}
	for i, p := range []*Page{f.lake, f.other} {
		log := fmt.Sprintf("app/%d", i)
		p.Ranges = []Range{{Log: log, End: 1500}, {Log: log, First: 1500, End: 1500}}
	}
	return f
}

func (f *fleet) audit(since time.Time) Report {
	return Audit([]*Page{f.edge, f.tron, f.lake, f.other}, since)
}

// change adds to what a page has of a minute.
func change(p *Page, n int, by int64, stages ...tally.Stage) {
	for _, s := range stages {
		c := p.Lines[n].Counts[s.String()]
		c.Records += by
		p.Lines[n].Counts[s.String()] = c
	}
}

// wantNamed wants one difference, or none if missing is 0.
func wantNamed(t *testing.T, r Report, pipeline string, m int, before string, missing int64) {
	t.Helper()
	var sum int64
	for _, d := range r.Differences {
		if !strings.Contains(d.Pipeline, pipeline) || d.Before != before || d.Explain == "" ||
			d.From.Before(minute(m)) || d.From.After(minute(m+1)) {
			t.Errorf("%s; %s", d.String(), d.Explain)
			continue
		}
		sum += d.Missing
	}
	if sum != missing {
		t.Errorf("%d missing before %s, want %d: %+v", sum, before, missing, r.Differences)
	}
}

const next = "read by the next agent"

func TestFleetWithoutLossHasNoDifference(t *testing.T) {
	f := newFleet()
	r := f.audit(noon)
	wantNamed(t, r, "", 0, "", 0)
	if len(r.Lines) != 4*minutes || len(r.Notes) > 0 {
		t.Error(len(r.Lines), r.Notes)
	}
}

// Records are taken away, and added, at each stage between agents; each is named by the two agents,
// the minute and the number.
func TestFleetNamesWhatIsTakenAwayOrAddedBetweenAgents(t *testing.T) {
	for _, n := range []int64{-40, -1, 1, 40} {
		for _, m := range []int{0, 7, 20, minutes - 1} {
			if edge := m == 0 || m == minutes-1; edge && n*n == 1 {
				continue // less than what is always on its way: either end is named
			}
			t.Run(fmt.Sprint("between edge and forwarder ", n, " ", m), func(t *testing.T) {
				f := newFleet()
				change(f.tron, m, -n, tally.Read, tally.Delivered)
				change(f.lake, m, -n, tally.Read, tally.Taken, tally.Delivered)
				wantNamed(t, f.audit(noon), "web-1/app", m, next, n)
			})
			t.Run(fmt.Sprint("between forwarder and consumers ", n, " ", m), func(t *testing.T) {
				f := newFleet()
				change(f.other, m, -n, tally.Read, tally.Taken, tally.Delivered)
				wantNamed(t, f.audit(noon), "tron/relay to lake", m, next, n)
			})
			t.Run(fmt.Sprint("between consumer and lake ", n, " ", m), func(t *testing.T) {
				f := newFleet()
				change(f.other, m, -n, tally.Delivered)
				wantNamed(t, f.audit(noon), "lake-2/lake", m, "delivered", n)
			})
		}
	}
}

func TestFleetAuditBeginsInTheMiddle(t *testing.T) {
	f := newFleet()
	for _, p := range []*Page{f.edge, f.tron, f.lake, f.other} { // ten are on their way there
		p.Lines = p.Lines[5:]
	}
	wantNamed(t, f.audit(minute(15)), "", 0, "", 0)
	change(f.tron, 15, -40, tally.Read, tally.Delivered)
	change(f.other, 15, -40, tally.Read, tally.Taken, tally.Delivered)
	r := f.audit(minute(15))
	var named int64
	for _, d := range r.Differences {
		named += d.Missing
		if d.Missing < 0 || !strings.Contains(d.Pipeline, "web-1/app") {
			t.Error(d.String())
		}
	}
	if named < 30 || named > 40 { // the rest is what clocks may differ
		t.Error(named, r.Differences)
	}
}

// What the sender was told later than the receiver has published is no loss.
func TestFleetWaitsForTheReceiverToPublish(t *testing.T) {
	f := newFleet()
	before := f.edge.State
	before.Lines = append([]tally.Line(nil), before.Lines...)
	before.Published = minute(minutes)
	f.edge.Lines = append(f.edge.Lines, line(
		minutes, "/log", "output.forward.tron", tally.Read, 50, tally.Delivered, 50,
	))
	f.edge.Published = minute(minutes + 2)
	f.edge.Before = &before
	wantNamed(t, f.audit(noon), "", 0, "", 0)
	f.tron.Published = minute(minutes + 3) // it has, and counts none of them
	wantNamed(t, f.audit(noon), "web-1/app", minutes, next, 50)
}

// What waits in Kafka is no loss, nor is what a consumer had committed when it was killed.
func TestFleetKnowsWhatAConsumerHasNotCounted(t *testing.T) {
	f := newFleet()
	change(f.other, 9, -30, tally.Read, tally.Taken, tally.Delivered)
	f.other.Ranges = []Range{
		{Log: "app/1", End: 500}, {Log: "app/1", First: 520, End: 1490},
		{Log: "app/1", First: 1490, End: 1490, Waiting: 10},
	}
	wantNamed(t, f.audit(noon), "", 0, "", 0)
	change(f.other, 9, -5, tally.Read, tally.Taken, tally.Delivered)
	wantNamed(t, f.audit(noon), "tron/relay to lake", 9, next, 5)
}

func TestFleetSaysWhatItCannotCompare(t *testing.T) {
	f := newFleet()
	f.edge.Hosts = []string{"web-7"}
	r := f.audit(noon)
	if len(r.Differences) > 0 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "web-1 sends by") {
		t.Error(r.Differences, r.Notes)
	}
	f = newFleet()
	f.tron.Published = noon.Add(-time.Hour)
	f.tron.Lines = f.tron.Lines[:20]
	for _, d := range f.audit(noon).Differences {
		if d.Missing > 0 && !strings.Contains(d.Explain, "tron has published nothing since") {
			t.Error(d.String(), d.Explain)
		}
	}
}

func TestPublishingAgainReplaces(t *testing.T) {
	store := outputtest.NewMemStore()
	cfg := Config{Place: Objects{store}, Prefix: "/audit/", Interval: time.Minute, Keep: 24 * time.Hour}
	count := 1
	pages := func(now time.Time) []Page {
		this := now.Truncate(time.Hour)
		page := Page{Agent: "web-1", Pipeline: "app", Hour: this}
		old := page
		old.Hour = this.Add(-time.Hour)
		old.Lines = []tally.Line{line(-60, "/log", "o", tally.Read, count)}
		return []Page{page, old}
	}
	p := NewPublisher(cfg, "web-1", pages, func(*Page) {}, slog.New(slog.DiscardHandler))
	puts := 0
	store.SetFault(func(op, key string) outputtest.StoreFault {
		if op == "put" {
			puts++
		}
		return outputtest.StoreWorks
	})
	read := func(now time.Time) Report {
		t.Helper()
		all, err := Read(t.Context(), Objects{store}, "audit", noon.Add(-time.Hour), now, func(k string, err error) {
			t.Error(k, err)
		})
		if err != nil || len(all) != 2 {
			t.Fatal(all, err)
		}
		return Audit(all, noon.Add(-time.Hour))
	}
	for i, want := range []int{2, 3, 5} { // the old page as it changes, that of the hour always
		if count = max(1, i*2); i == 1 {
			count = 1
		}
		now := minute(i)
		if err := p.Publish(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		if puts != want {
			t.Errorf("%d puts after round %d, want %d", puts, i, want)
		}
		if r := read(now); len(r.Lines) != 1 || r.Lines[0].Counts["read"].Records != int64(count) {
			t.Error(r.Lines)
		}
	}
	last := minute(60 * 25)
	if err := errors.Join(p.Publish(t.Context(), last), p.sweep(t.Context(), last)); err != nil {
		t.Fatal(err)
	}
	for _, key := range store.Keys("") {
		if strings.Contains(key, "2026-01-02T11") {
			t.Error(key, "is kept")
		}
	}
}

func TestPagesOfALaterReleaseAreTold(t *testing.T) {
	p := &Page{Format: format + 1, Agent: "a", Pipeline: "p"}
	data, err := p.encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{data, data[:9], []byte("no"), nil} {
		if _, err := decode(bytes.NewReader(data)); err == nil {
			t.Errorf("%q is read", data)
		} else if errors.Is(err, io.EOF) && len(data) > 0 {
			t.Log(err)
		}
	}
}

// Counts go with the commit: what is read again is counted once.
func TestCounterCountsWhatIsCommitted(t *testing.T) {
	c := NewCounter()
	l := c.Log("lake", "app/0", "output.s3.lake", 100, func() int64 { return 150 })
	note := func(first, end int64) {
		n := tally.Count{Records: end - first}
		l.Note(
			tally.Entry{Stage: tally.Taken, First: first, End: end, Count: n},
			tally.Entry{Stage: tally.Delivered, First: first, End: end, Count: n},
		)
	}
	note(100, 110)
	note(110, 120)
	l.Rewind(110)
	note(110, 120)
	note(120, 130)
	l.Committed(120, minute(0))
	l.Committed(130, minute(61))
	l.Skip(140)
	note(140, 145)
	l.Committed(145, minute(61))
	want := func(now time.Time, hour time.Time, records int64, ranges ...Range) {
		t.Helper()
		s := c.States("lake", now)[hour]
		if s == nil {
			t.Fatal("nothing of", hour)
		}
		var sum int64
		for _, l := range s.Lines {
			for _, stage := range []string{"read", "taken", "delivered"} {
				if l.Counts[stage] != l.Counts["read"] {
					t.Error(l.Counts)
				}
			}
			sum += l.Counts["read"].Records
		}
		if sum != records || fmt.Sprint(s.Ranges) != fmt.Sprint(ranges) {
			t.Errorf("%d %v, want %d %v", sum, s.Ranges, records, ranges)
		}
	}
	now := minute(62)
	want(now, noon, 20, Range{Log: "app/0", First: 100, End: 120})
	want(
		now, minute(60), 15, Range{Log: "app/0", First: 120, End: 130},
		Range{Log: "app/0", First: 140, End: 145},
		Range{Log: "app/0", First: 145, End: 145, Waiting: 5},
	)
	c.Forget("lake", noon)
	if s := c.States("lake", now)[noon]; s != nil {
		t.Error(s)
	}
	l.Close()
	want(
		now, minute(60), 15, Range{Log: "app/0", First: 120, End: 130},
		Range{Log: "app/0", First: 140, End: 145},
	)
}
