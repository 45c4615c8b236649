package ledger

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/penstock/penstock/outputs/outputtest"
)

// lostAt is the minute in which a buffer is removed and another begun.
const lostAt = 15

// removed has the buffer of a page removed, and gives the pages of both: of the old one, as it
// published last, with so many that wait there, and of the new one.
func (f *fleet) removed(page *Page, waiting int64) []*Page {
	before, after := *page, *page
	before.Buffer, after.Buffer = "a", "b"
	before.Began, after.Began = noon.Add(-time.Hour), minute(lostAt)
	before.Every, after.Every = time.Minute, time.Minute
	before.Published = minute(lostAt).Add(-time.Second)
	before.Lines, after.Lines = slices.Clone(page.Lines[:lostAt]), slices.Clone(page.Lines[lostAt:])
	last := &before.Lines[lostAt-1]
	last.Waiting = waiting
	last.Counts["delivered"] = tally.Count{Records: last.Counts["delivered"].Records - waiting}
	var pages []*Page
	for _, p := range []*Page{f.edge, f.tron, f.lake, f.other} {
		if p == page {
			pages = append(pages, &after, &before)
			continue
		}
		pages = append(pages, p)
	}
	return pages
}

// wantOnly wants these differences, and none else.
func wantOnly(t *testing.T, r Report, want ...string) {
	t.Helper()
	var got []string
	for _, d := range r.Differences {
		got = append(got, d.String())
		if d.Explain == "" {
			t.Error(d.String(), "is not explained")
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf(
			"named are\n%s\nwant\n%s\nnotes %q", strings.Join(got, "\n"),
			strings.Join(want, "\n"), r.Notes,
		)
	}
}

func TestWhatWaitedInARemovedBufferIsNamedAndNothingElse(t *testing.T) {
	const k = 37
	f := newFleet()
	wantOnly(t, Audit(f.removed(f.tron, 0), noon))

	f = newFleet()
	change(f.lake, lostAt, -k, tally.Read, tally.Taken, tally.Delivered)
	wantOnly(t, Audit(f.removed(f.tron, k), noon), fmt.Sprintf(
		"2026-01-02 12:14 tron/relay output.kafka.events: %d missing "+
			"between buffered and taken, of web-1//log", k,
	))

	f = newFleet()
	wantOnly(t, Audit(f.removed(f.edge, 0), noon))

	f = newFleet()
	change(f.tron, lostAt, -k, tally.Read, tally.Delivered)
	change(f.lake, lostAt, -k, tally.Read, tally.Taken, tally.Delivered)
	wantOnly(t, Audit(f.removed(f.edge, k), noon), fmt.Sprintf(
		"2026-01-02 12:14 web-1/app output.forward.tron: %d missing "+
			"between buffered and taken, of /log", k,
	))
}

// A buffer lived on after it had published last: 100 more were read, and 120 delivered, of which
// nobody tells. 17 of 37 that waited, and of those read since, are lost.
func TestWhatARemovedBufferDidNotLiveToPublishIsWorkedOut(t *testing.T) {
	f := newFleet()
	pages := f.removed(f.tron, 37)
	for _, p := range pages {
		if p.Buffer == "a" {
			last := len(p.Lines) - 1 // its last minute is not in what it published
			p.Lines[last-1].Waiting, p.Lines[last].Waiting = 37, 0
			p.Lines[last-1].Counts["delivered"] = tally.Count{Records: 63}
			p.Lines = p.Lines[:last]
			p.Published = minute(lostAt - 1)
		}
	}
	change(f.lake, lostAt, -17, tally.Read, tally.Taken, tally.Delivered)
	var sum int64
	for _, d := range Audit(pages, noon).Differences {
		sum += d.Missing
		if d.Missing < 0 || d.From.Before(minute(lostAt-2)) || d.From.After(minute(lostAt)) {
			t.Error(d.String())
		}
	}
	if sum != 17 {
		t.Error(sum, "are named, 17 are lost")
	}
}

// Two agents of one name and configuration do not write over one another, and neither is taken to
// have come after the other.
func TestTwoAgentsOfOneName(t *testing.T) {
	store := outputtest.NewMemStore()
	for i, id := range []string{"a", "b"} {
		page := Page{
			Agent: "web-1", Pipeline: "app", Buffer: id, Hour: noon,
			Began: minute(2 * i).Add(time.Millisecond), // after the other one has published
			To:    []End{{ID: "o"}},
		}
		l := line(0, "/log", "o", tally.Read, 10)
		l.Waiting = 5
		page.Lines = []tally.Line{l}
		p := NewPublisher(
			Config{Place: Objects{store}, Prefix: "audit", Interval: time.Minute, Keep: 24 * time.Hour},
			"web-1", func(time.Time) []Page { return []Page{page} }, func(*Page) {},
			slog.New(slog.DiscardHandler),
		)
		if err := p.Publish(t.Context(), minute(2).Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	pages, err := Read(t.Context(), Objects{store}, "audit", noon, noon, func(k string, err error) {
		t.Error(k, err)
	})
	if err != nil || len(pages) != 2 {
		t.Fatal(len(pages), "pages", err)
	}
	wantOnly(t, Audit(pages, noon))
	if n := len(Audit(pages, noon).Lines); n != 2 {
		t.Error(n, "lines")
	}
}

// An agent that is renamed publishes what it had published under its old name, too.
func TestARenamedAgentCountsOnce(t *testing.T) {
	f := newFleet()
	was := *f.edge
	was.Buffer, was.Published = "a", minute(10)
	was.Lines = was.Lines[:10]
	f.edge.Buffer, f.edge.Agent, f.edge.Started = "a", "web-9", minute(10)
	f.edge.Hosts = []string{"web-9"}
	for m := lostAt; m < minutes; m++ {
		f.tron.Lines[m].Origin = "web-9//log"
	}
	r := Audit([]*Page{f.edge, &was, f.tron, f.lake, f.other}, noon)
	wantOnly(t, r)
	if n := len(r.Lines); n != 4*minutes || len(r.Notes) > 0 {
		t.Error(n, "lines", r.Notes)
	}
	was.Published = minute(20) // it goes on: a data directory was copied
	if n := len(Audit([]*Page{f.edge, &was, f.tron, f.lake, f.other}, noon).Lines); n != 4*minutes+10 {
		t.Error(n, "lines")
	}
}

// What an earlier release has published counts until the same buffer has published it again.
func TestPagesOfAReleaseWithoutIdentitiesAreRead(t *testing.T) {
	f := newFleet()
	was := *f.tron
	was.Published = minute(lostAt)
	f.tron.Buffer = "a" // whose beginning is not known: it is that of the release before
	r := Audit([]*Page{f.edge, f.tron, &was, f.lake, f.other}, noon)
	wantOnly(t, r)
	if len(r.Lines) != 4*minutes {
		t.Error(len(r.Lines), "lines")
	}
	f = newFleet() // or it was removed when the agent was upgraded
	pages := f.removed(f.tron, 0)
	for _, p := range pages {
		if p.Buffer == "a" {
			p.Buffer, p.Began, p.Every = "", time.Time{}, 0
		}
	}
	r = Audit(pages, noon)
	wantOnly(t, r)
	if len(r.Lines) != 4*minutes {
		t.Error(len(r.Lines), "lines")
	}
}

// Pipelines of one group read together, by whatever name, and a group that is left has not lost
// what others read.
func TestConsumersAreToldByTheirGroup(t *testing.T) {
	f := newFleet()
	f.lake.From[0].Group, f.other.From = "g", slices.Clone(f.other.From)
	f.other.From[0].Group, f.other.Pipeline = "g", "lake2"
	wantOnly(t, f.audit(noon))

	f = newFleet()
	old := *f.lake
	old.From = slices.Clone(f.lake.From)
	old.From[0].Group = "before"
	old.Run, old.Published, old.Every = "1", minute(3), time.Minute
	old.Lines = old.Lines[:3]
	f.lake.Run, f.lake.Started = "2", minute(4)
	f.lake.From[0].Group, f.other.From[0].Group = "g", "g"
	r := Audit([]*Page{f.edge, f.tron, f.lake, f.other, &old}, noon)
	wantOnly(t, r)
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "is not compared") {
		t.Error(r.Notes)
	}
}

// A topic of one name in two clusters is two.
func TestTopicsOfOneNameInTwoClusters(t *testing.T) {
	one, two := newFleet(), newFleet()
	two.edge.Agent, two.edge.Hosts = "web-2", []string{"web-2"}
	two.tron.Agent, two.tron.To[0].Brokers = "tron-2", []string{"j1:9092"}
	for m := range minutes {
		two.tron.Lines[m].Origin = "web-2//log"
	}
	for _, p := range []*Page{two.lake, two.other} {
		p.Agent += "-2"
		p.From = slices.Clone(p.From)
		p.From[0].Brokers = []string{"j1:9092"}
	}
	for _, p := range []*Page{one.lake, one.other} {
		p.Ranges[1].Waiting = 20
		change(p, 20, -20, tally.Read, tally.Taken, tally.Delivered)
	}
	wantOnly(t, Audit([]*Page{
		one.edge, one.tron, one.lake, one.other, two.edge, two.tron, two.lake, two.other,
	}, noon))
}

// What a removed buffer had moved to the overflow is brought back by whoever has its place, who
// does not count it, and is no addition.
func TestTheOverflowOfARemovedBufferComesBack(t *testing.T) {
	f := newFleet()
	pages := f.removed(f.tron, 0)
	for _, p := range pages {
		if p.Buffer == "a" {
			p.Lines[9].Counts["delivered"] = tally.Count{Records: 40}
			p.Lines[9].Counts["overflowed"] = tally.Count{Records: 60}
		}
	}
	wantOnly(t, Audit(pages, noon))
}

// What an output has delivered that is not configured any more, such as one that was renamed, may
// be what nobody else has sent.
func TestOutputsThatAreRenamedHaveAddedNothing(t *testing.T) {
	f := newFleet()
	for m := range 9 {
		f.tron.Lines[m].Output = "output.kafka.before"
		f.edge.Lines[m].Output = "output.forward.before"
	}
	wantOnly(t, f.audit(noon))
}

// Agents on one machine have its address in common, by which a forwarder may know another program:
// what is lost of one is not told of the other. Where it knows what they send by the address, both
// are told.
func TestAgentsOfOneAddress(t *testing.T) {
	const lost = "output.forward.tron: 40 missing between delivered and read by the next agent, of /log"
	for by, want := range map[string]string{
		"/other": "2026-01-02 12:20 web-2/app " + lost,
		"/log":   "2026-01-02 12:20 web-1/app and 1 more " + lost,
	} {
		f := newFleet()
		second := *f.edge
		second.Agent, second.Hosts = "web-2", []string{"web-2", "10.0.0.1"}
		f.tron.To[0].Topics = nil
		for m := range minutes {
			n := 100
			if m == 20 {
				n = 60
			}
			f.tron.Lines = append(f.tron.Lines, line(
				m, "web-2//log", "output.kafka.events", tally.Read, n, tally.Delivered, n,
			))
		}
		f.tron.Lines = append(f.tron.Lines, line(3, "10.0.0.1/"+by, "output.kafka.events"))
		wantOnly(t, Audit([]*Page{f.edge, &second, f.tron}, noon), want)
	}
}

// What is lost after an output was renamed is named, but for what clocks may differ.
func TestWhatIsLostAfterAnOutputWasRenamedIsNamed(t *testing.T) {
	const n, clocks = 40, 4
	f := newFleet()
	for m := range 9 {
		f.tron.Lines[m].Output = "output.kafka.before"
		f.edge.Lines[m].Output = "output.forward.before"
	}
	change(f.tron, 15, -n, tally.Read, tally.Delivered)
	for _, p := range []*Page{f.lake, f.other} {
		change(p, 15, -n/2, tally.Read, tally.Taken, tally.Delivered)
		change(p, 20, -n/2, tally.Read, tally.Taken, tally.Delivered)
	}
	sums := map[string]int64{}
	for _, d := range f.audit(noon).Differences {
		sums[d.Pipeline] += d.Missing
		if d.From.Before(minute(14)) || d.From.After(minute(21)) {
			t.Error(d.String())
		}
	}
	for _, pipeline := range []string{"web-1/app", "tron/relay to lake"} {
		if got := sums[pipeline]; got > n || got < n-clocks-10 { // ten are always on their way
			t.Errorf("%d of %d are named of %s", got, n, pipeline)
		}
	}
}

// That an output is not configured any more hides nothing that was lost on the way to other topics.
func TestAnOutputThatWasRemovedHidesNoLossOfOthers(t *testing.T) {
	f := newFleet()
	l := line(12, "/log", "output.kafka.gone", tally.Read, 500, tally.Delivered, 500)
	f.edge.Lines = append(f.edge.Lines, l)
	change(f.lake, 7, -40, tally.Read, tally.Taken, tally.Delivered)
	wantNamed(t, f.audit(noon), "tron/relay to lake", 7, next, 40)
}

// An agent whose data directory is copied goes on, and then the copy is used in its place: what it
// counted meanwhile is counted still.
func TestACopyThatIsUsedInThePlaceOfAnAgent(t *testing.T) {
	f := newFleet()
	second := *f.edge
	second.Agent, second.Hosts, second.Started = "web-9", []string{"web-9"}, minute(22)
	second.Lines = slices.Concat(f.edge.Lines[:10], f.edge.Lines[22:])
	f.edge.Published, f.edge.Lines = minute(21), f.edge.Lines[:20]
	f.edge.Buffer, second.Buffer = "a", "a"
	f.tron.To[0].Topics = nil
	f.tron.Lines = slices.Concat(f.tron.Lines[:20], f.tron.Lines[22:])
	for m := range f.tron.Lines {
		if m >= 20 {
			f.tron.Lines[m].Origin = "web-9//log"
		}
	}
	wantOnly(t, Audit([]*Page{f.edge, &second, f.tron}, noon))
}
