package state

import (
	"math"
	"strings"
	"testing"
	"time"
)

// world is a simulated agent whose true condition is known at each second: what comes in, what goes
// out, and what the outside does. It keeps facts as an agent gathers them.
type world struct {
	now     time.Time
	pl      Pipeline
	in, out Meter

	perSecond  int64 // records that come in
	takes      int64 // records that the destination can take in a second
	answers    bool  // it says why it takes nothing
	room       int64 // records that the disk has room for
	storeAway  bool
	failover   time.Duration // after which it begins; 0: there is none
	moves      int64         // records a second that the overflow takes
	lastTaken  time.Time
	down       bool // failover has begun
	backSince  time.Time
	onDisk     []time.Time // when each of the records that wait came
	inOverflow int64
}

func newWorld() *world {
	w := &world{
		now:       time.Unix(1_800_000_000, 0),
		perSecond: 100,
		takes:     500,
		answers:   true,
		room:      1_000_000,
		moves:     2_000,
	}
	w.lastTaken = w.now
	w.pl = Pipeline{
		Name:   "app",
		Buffer: &Buffer{},
		Inputs: []Input{{ID: "input.tail.app", Unit: "running", OfFiles: true, Files: 3}},
		Outputs: []Output{
			{ID: "output.kafka.events", Unit: "running", Mode: "direct", To: "output.s3.overflow"},
		},
	}
	return w
}

// step is one second.
func (w *world) step() PipelineState {
	w.now = w.now.Add(time.Second)
	o, b := &w.pl.Outputs[0], w.pl.Buffer
	b.Blocked = int64(len(w.onDisk))+w.perSecond > w.room
	if !b.Blocked {
		for range w.perSecond {
			w.onDisk = append(w.onDisk, w.now)
		}
		w.in.Add(float64(w.perSecond), w.now)
	}
	take := func(n int64) int64 {
		n = min(n, int64(len(w.onDisk)))
		w.onDisk = w.onDisk[n:]
		w.out.Add(float64(n), w.now)
		return n
	}
	if w.takes > 0 {
		w.lastTaken, o.FailingSince = w.now, time.Time{}
	} else if w.answers && o.FailingSince.IsZero() {
		o.FailingSince, o.Error, o.Do = w.now, "connection refused", "start the broker"
	}
	o.Stalled = w.now.Sub(w.lastTaken)
	if w.failover > 0 && o.Stalled >= w.failover {
		if !w.down {
			o.ModeSince = w.now
		}
		w.down, w.backSince = true, time.Time{}
	} else if w.down && w.takes > 0 {
		w.down, w.backSince = false, w.now
	}
	o.StoreError = ""
	switch {
	case w.down:
		o.Mode, o.Down = "overflow", true
		if w.storeAway {
			o.StoreError = "no such host"
		} else {
			w.inOverflow += take(w.moves)
		}
	case w.inOverflow > 0:
		o.Mode = "replay"
		w.inOverflow -= min(w.takes, w.inOverflow)
		o.Back = float64(w.takes)
	default:
		o.Mode = "direct"
		take(w.takes)
	}
	o.In, o.Out, o.ObjectRecords = w.in.Rate(w.now), w.out.Rate(w.now), w.inOverflow
	b.Waiting, b.Oldest, b.Fill = int64(len(w.onDisk)), 0, float64(len(w.onDisk))/float64(w.room)
	if len(w.onDisk) > 0 {
		b.Oldest = w.now.Sub(w.onDisk[0])
	}
	b.Room, b.Grows = (w.room-int64(len(w.onDisk)))*100, (o.In-o.Out)*100
	o.Waiting, o.Oldest = b.Waiting, b.Oldest
	w.pl.Inputs[0].Blocked = b.Blocked
	return w.pl.State(w.now)
}

// run lets seconds pass, and fails unless each state satisfies ok.
func (w *world) run(
	t *testing.T, seconds int, what string, ok func(PipelineState) bool,
) (last PipelineState) {
	t.Helper()
	for i := range seconds {
		if last = w.step(); !ok(last) {
			t.Fatalf("%s, second %d: %+v", what, i, last)
		}
	}
	return last
}

func says(s PipelineState, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s.Sentence, p) {
			return false
		}
	}
	return true
}

func kind(s PipelineState) string { return s.Outputs[0].Kind }

func TestLifeWithAnOutageAndAnOverflow(t *testing.T) {
	w := newWorld()
	w.failover = 30 * time.Second
	w.run(t, 120, "all is well", func(s PipelineState) bool {
		return kind(s) == Delivering && s.Safe && s.Flows && s.Level == OK &&
			says(s, "All safe. Everything is delivered.")
	})
	w.takes = 0
	w.run(t, 29, "down", func(s PipelineState) bool {
		return kind(s) == Retrying && s.Safe && s.Flows && s.Level == Warning &&
			s.Problems[0].Do == "start the broker" &&
			says(
				s, "All safe.", "output.kafka.events does not answer", "connection refused",
				"on disk",
			)
	})
	s := w.run(t, 91, "overflowing", func(s PipelineState) bool {
		return kind(s) == Overflowing && s.Safe && s.Flows && s.Stored > 0 &&
			says(s, "All safe.", "records go to output.s3.overflow", "in the overflow")
	})
	if !says(s, "does not answer for 119 s") || s.Stored < 9_000 {
		t.Errorf("%s", s.Sentence)
	}
	w.storeAway = true
	w.run(t, 60, "the store is away, too", func(s PipelineState) bool {
		return kind(s) == Overflowing && s.Safe && s.Level == Warning &&
			says(s, "whose store cannot be used: no such host", "on disk")
	})
	w.storeAway = false
	w.takes = 500
	s = w.run(t, 5, "replaying", func(s PipelineState) bool {
		return kind(s) == Replaying && s.Safe && s.Outputs[0].ToGo > 0 &&
			says(s, "brings the overflow back", "to go", "in the overflow")
	})
	for w.inOverflow > 0 {
		s = w.step()
	}
	for range 600 {
		if s = w.step(); s.Level == OK {
			break
		}
	}
	if kind(s) != Delivering || s.Level != OK {
		t.Errorf("afterwards: %+v", s)
	}
}

func TestLifeWithADestinationThatHangs(t *testing.T) {
	w := newWorld()
	w.run(t, 10, "all is well", func(s PipelineState) bool { return s.Level == OK })
	w.takes, w.answers = 0, false
	w.run(t, 2, "not yet", func(s PipelineState) bool { return kind(s) == Delivering })
	w.run(t, 60, "within five seconds", func(s PipelineState) bool {
		return kind(s) == Slow && s.Level == Warning && s.Safe && says(s, "has taken nothing for")
	})
}

func TestLifeWithASlowDestination(t *testing.T) {
	w := newWorld()
	w.takes = 50
	w.run(
		t, 59, "behind by less",
		func(s PipelineState) bool { return kind(s) == Delivering && s.Safe },
	)
	w.run(t, 5, "falling behind", func(s PipelineState) bool { return true })
	s := w.run(t, 120, "slow", func(s PipelineState) bool {
		return kind(s) == Slow && s.Level == Warning && s.Safe &&
			says(s, "takes no more than comes in")
	})
	if s.Full == 0 {
		t.Errorf("no time until it is full: %+v", s)
	}
	w.takes = 1000
	s = w.run(t, 3, "catching up", func(s PipelineState) bool { return s.Safe })
	for range 20 {
		s = w.step()
		if kind(s) == Slow && !says(s, "catches up") && s.Outputs[0].Level == Notice {
			t.Errorf("%s", s.Sentence)
		}
	}
	if kind(s) != Delivering {
		t.Errorf("%+v", s)
	}
}

// The time until the buffer is full is right to a tenth while the rate is steady, long before it
// is.
// An archive that keeps records together for an hour is not behind before it is longer.
func TestWhatIsCollectedIsNotBehind(t *testing.T) {
	now := time.Now()
	o := Output{
		ID: "output.s3.lake", Unit: "running", Mode: "direct", Waiting: 1000, In: 10,
		Collects: time.Hour,
	}
	for oldest, want := range map[time.Duration]string{
		time.Minute: Delivering, time.Hour + behindAfter - time.Second: Delivering,
		time.Hour + behindAfter: Slow,
	} {
		o.Oldest = oldest
		if s := o.State(now); s.Kind != want || s.Level == OK != (want == Delivering) {
			t.Errorf("after %v: %+v", oldest, s)
		}
	}
	o.Oldest, o.Collects = 1000*time.Hour, math.MaxInt64
	if s := o.State(now); s.Kind != Delivering {
		t.Errorf("by size alone: %+v", s)
	}
}

func TestLifeWithADiskThatFills(t *testing.T) {
	w := newWorld()
	w.room = 100_000
	w.takes = 0
	w.run(t, 90, "filling", func(s PipelineState) bool { return s.Safe && s.Flows })
	for {
		left := time.Duration((w.room - int64(len(w.onDisk))) / w.perSecond * int64(time.Second))
		s := w.step()
		if left < 5*time.Second {
			break
		}
		if d := (s.Full - left).Abs(); d > left/10+2*time.Second {
			t.Fatalf("full in %v, said %v", left, s.Full)
		}
		if left < 14*time.Minute && s.Level != Critical {
			t.Fatalf("%v left, and the level is %v", left, s.Level)
		}
		if !says(s, "room for") {
			t.Fatal(s.Sentence)
		}
	}
	w.run(t, 10, "the last seconds", func(PipelineState) bool { return true })
	w.run(t, 30, "full", func(s PipelineState) bool {
		return !s.Flows && s.Safe && s.Level == Critical && s.Inputs[0].Kind == WaitingBuffer &&
			says(
				s, "Nothing is lost, but inputs wait", "the buffer is full",
				"output.kafka.events does not answer",
			) && !says(s, "room for") && s.Full == 0
	})
	w.takes = 5000
	s := w.run(t, 60, "again", func(s PipelineState) bool { return s.Safe })
	if s.Level != OK || !s.Flows {
		t.Errorf("%+v", s)
	}
}

// A consumer whose partitions go to others of its group and come back: it answers at each second
// for those that it has, and for no others.
func TestLifeWithARebalance(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	type partition struct{ end, read, committed int64 }
	parts := make([]partition, 4)
	own := 4 // of them, the first
	storeAway := time.Time{}
	step := func() (s PipelineState, left int64) {
		now = now.Add(time.Second)
		b := &Behind{Partitions: own}
		for i := range parts {
			q := &parts[i]
			q.end += 100
			if i >= own {
				q.read, q.committed = q.end, q.end // another has it, and keeps up
				continue
			}
			q.read = min(q.end, q.read+500)
			if storeAway.IsZero() && now.Unix()%10 == 0 { // a cut
				q.committed = q.read
			}
			b.Records += q.end - q.read
			b.Uncommitted += q.end - q.committed
		}
		p := Pipeline{
			Name:   "lake",
			Inputs: []Input{{ID: "input.kafka.events", Unit: "running", Behind: b}},
			Outputs: []Output{{
				ID: "output.s3.lake", Unit: "running", Mode: "direct", Collects: 10 * time.Second,
				FailingSince: storeAway, Error: "no such host",
			}},
		}
		return p.State(now), b.Uncommitted
	}
	run := func(seconds int, what string, level Level, parts ...string) {
		t.Helper()
		for i := range seconds {
			s, left := step()
			told := Count(left, "record is", "records are") + " not delivered yet"
			if left == 0 {
				told = "verything is delivered"
			}
			if len(parts) > 0 {
				told = parts[0]
			}
			if s.Level != level || !s.Safe || !s.Flows || !says(s, told) {
				t.Fatalf("%s, second %d, with %d left: %+v", what, i, left, s)
			}
		}
	}
	run(60, "all is well", OK)
	own = 2
	run(30, "two are another's", OK)
	own = 0
	run(30, "all are others'", OK, "All safe. No partition is read here at present.")
	own = 3
	run(30, "three came back", OK)
	storeAway = now
	run(5, "the store is away", Warning, "output.s3.lake does not answer for")
	own = 0
	run(5, "nothing is left to store", Warning, "output.s3.lake does not answer for")
	storeAway, own = time.Time{}, 4
	run(30, "all are back", OK)
}

func TestFilesThatCannotBeReadAreNamed(t *testing.T) {
	w := newWorld()
	w.pl.Inputs[0].Unread = []UnreadFile{
		{Path: "/var/log/a", Why: "permission denied", Do: "chmod"},
		{Path: "/var/log/b"},
	}
	s := w.step()
	if p := s.Problems[0]; p.Kind != Unreadable ||
		p.Text != "cannot read /var/log/a: permission denied, and 1 more" ||
		p.Do != "chmod" ||
		s.Level != Warning {
		t.Errorf("%+v", s)
	}
	w.pl.Inputs[0].Unread, w.pl.Inputs[0].Files = nil, 0
	if s := w.step(); s.Inputs[0].Kind != NoMatch {
		t.Errorf("%+v", s)
	}
}

func TestWhatNeedsAPersonSaysWhatToChange(t *testing.T) {
	w := newWorld()
	o := &w.pl.Outputs[0]
	o.Refusals = []string{"AccessDenied"}
	if s := w.step(); kind(s) != Refused || s.Level != Critical ||
		!strings.Contains(s.Problems[0].Text, "AccessDenied") ||
		s.Problems[0].Do == "" {
		t.Errorf("%+v", s)
	}
	o.Refusals, o.Held = nil, []string{`topic "x"`}
	if s := w.step(); kind(s) != Delivering || s.Problems[0].Kind != Held ||
		!strings.Contains(s.Problems[0].Do, "the rest goes on") {
		t.Errorf("%+v", s)
	}
	o.HoldsAll = true
	if s := w.step(); strings.Contains(s.Problems[0].Do, "the rest goes on") {
		t.Errorf("%+v", s)
	}
	o.Held, o.Unit, o.UnitError = nil, "waiting", "no such thing"
	if s := w.step(); kind(s) != Failed || s.Level != Critical {
		t.Errorf("%+v", s)
	}
	w.pl.Buffer.Dropped = 7
	if s := w.step(); s.Safe {
		t.Errorf("%+v", s)
	}
}

// A store that would take nothing is a problem long before something has to go there, and hides
// nothing that is worse.
func TestStoreThatIsNotNeededYet(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	o := Output{
		ID: "output.s3.lake", Unit: "running", Mode: "direct", Collects: time.Hour,
		StoreError: "put s3://b/k: 403", StoreDo: "see the key", StoreSince: now.Add(-time.Minute),
	}
	for _, to := range []string{"", "output.s3.overflow"} {
		o.To = to
		s := o.State(now)
		if s.Kind != StoreFails || s.Level != Warning || s.Do != "see the key" ||
			!s.Since.Equal(o.StoreSince) || !strings.Contains(s.Text, "put s3://b/k: 403") ||
			strings.Contains(s.Text, "overflow") != (to != "") {
			t.Errorf("%+v", s)
		}
		p := Pipeline{Name: "p", Buffer: &Buffer{}, Outputs: []Output{o}}.State(now)
		if p.Level != Warning || !p.Safe || !p.Flows || len(p.Problems) != 1 {
			t.Errorf("%+v", p)
		}
	}
	o.StoreError = ""
	o.LettersError, o.LettersDo, o.LettersSince = "put: 404", "make the bucket", now
	s := o.State(now)
	if s.Kind != StoreFails || s.Level != Warning || s.Do != "make the bucket" ||
		!strings.Contains(s.Text, "dead letters") || !strings.Contains(s.Text, "put: 404") {
		t.Errorf("%+v", s)
	}
	o.FailingSince = now
	if s := o.State(now); s.Kind != Retrying {
		t.Errorf("%+v", s)
	}
}

// Every kind of problem can be named in not_ready, and every kind is one of those listed.
func TestKindsAreListed(t *testing.T) {
	for _, k := range NotReady {
		found := false
		for _, p := range ProblemKinds {
			found = found || p == k
		}
		if !found {
			t.Errorf("%s is not listed", k)
		}
	}
}

func TestSentenceOfSeveralPipelines(t *testing.T) {
	a, b := newWorld(), newWorld()
	b.pl.Name = "audit"
	b.takes = 0
	var sa, sb PipelineState
	for range 10 {
		sa, sb = a.step(), b.step()
	}
	if got := Sentence(
		[]PipelineState{sa, sb},
	); !strings.HasPrefix(got, "audit: All safe. output.kafka.events does not answer") {
		t.Errorf("%q", got)
	}
	if got := Sentence(
		[]PipelineState{sa, sa},
	); got != "All safe. All 2 pipelines have delivered everything." {
		t.Errorf("%q", got)
	}
}

func TestDurationsAndNumbersInWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "less than a second", 90 * time.Second: "90 s", 3 * time.Minute: "3 min", 200 * time.Minute: "3 h 20 min", 72 * time.Hour: "3 days",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%v: %q", d, got)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 31640: "31,640", -1234567: "-1,234,567"} {
		if got := Number(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

func TestMeterNeedsNoClock(t *testing.T) {
	var m Meter
	at := time.Unix(1_800_000_000, 0)
	if m.Rate(at) != 0 {
		t.Error("a rate of nothing")
	}
	for i := range 600 {
		at = at.Add(100 * time.Millisecond)
		m.Add(7, at)
		if r := m.Rate(at); i > 20 && (r < 60 || r > 85) {
			t.Fatalf("after %d: %v", i, r)
		}
	}
	if r := m.Rate(at.Add(2 * time.Minute)); r > 1 {
		t.Errorf("%v two minutes after the last", r)
	}
}

// What inputs cannot read is in the sentence, beside what is true of the rest; what an archive
// collects does not wait, and what is not read is not delivered.
func TestSentenceTellsOfInputsAndArchives(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	in := Input{ID: "input.tail.app", Unit: "running", OfFiles: true, Files: 2}
	out := Output{ID: "output.kafka.k", Unit: "running", Mode: "direct"}
	unread, none, lag := in, in, in
	unread.Unread = []UnreadFile{{Path: "/a", Why: "no"}}
	none.Files = 0
	lag.Lag = 3 << 20
	refused := in
	refused.FailingSince, refused.Refused = now.Add(-time.Minute), true
	refused.Error = "topic logs: TOPIC_AUTHORIZATION_FAILED"
	some := refused
	some.InPart = true
	failed := Input{ID: "input.tcp.t", Unit: "waiting", UnitError: "address already in use"}
	archive, late := out, out
	archive.Collects, archive.Waiting, archive.Oldest = time.Hour, 7, time.Minute
	late.Waiting, late.Oldest = 7, time.Minute
	held := out
	held.FailingSince, held.Error = now.Add(-time.Minute), "no such topic"
	held.Held = []string{held.Error}
	for want, p := range map[string]Pipeline{
		"All safe. Everything is delivered; input.tail.app cannot read /a: no.": {
			Inputs: []Input{unread}, Outputs: []Output{out},
		},
		"What was taken is safe. input.tcp.t has failed: address already in use.": {
			Inputs: []Input{in, failed}, Outputs: []Output{out},
		},
		"All safe. Everything is delivered; input.tail.app finds no file.": {
			Inputs: []Input{none}, Outputs: []Output{out},
		},
		"All safe. Everything that was read is delivered, 3 MiB are not read yet.": {
			Inputs: []Input{lag}, Outputs: []Output{out},
		},
		"All safe. 7 records are being collected for the next cut.": {
			Inputs: []Input{in}, Outputs: []Output{archive},
		},
		"All safe. output.kafka.k is behind by 60 s: it takes no more than comes in; 7 records wait on disk.": {
			Inputs: []Input{in}, Outputs: []Output{archive, late},
		},
		"Nothing is lost, but inputs wait. input.tail.app reads nothing for 60 s: topic logs: TOPIC_AUTHORIZATION_FAILED.": {
			Inputs: []Input{refused}, Outputs: []Output{out},
		},
		"Nothing is lost, but inputs wait. input.tail.app reads only a part for 60 s: topic logs: TOPIC_AUTHORIZATION_FAILED.": {
			Inputs: []Input{some}, Outputs: []Output{out},
		},
		"All safe. output.kafka.k takes nothing for 60 s: no such topic.": {
			Inputs: []Input{in}, Outputs: []Output{held},
		},
	} {
		p.Name, p.Buffer = "app", &Buffer{}
		for _, o := range p.Outputs {
			p.Buffer.Waiting = max(p.Buffer.Waiting, o.Waiting)
			p.Buffer.Oldest = max(p.Buffer.Oldest, o.Oldest)
		}
		s := p.State(now)
		if s.Sentence != want {
			t.Errorf("%s\nwant %s", s.Sentence, want)
		}
		if p.Outputs[0].Held != nil && (len(s.Problems) != 2 || len(Shown(s.Problems)) != 1) {
			t.Errorf("%+v", s.Problems)
		}
	}
}

// Where the records of an output go instead is told while they go there, or come back.
func TestOutputTellsWhereItsRecordsGo(t *testing.T) {
	for mode, want := range map[string]string{
		"direct": "", "overflow": "output.s3.o", "replay": "output.s3.o", "standby": "output.s3.o",
	} {
		o := Output{ID: "output.kafka.k", Unit: "running", Mode: mode, To: "output.s3.o"}
		if got := o.State(time.Unix(1_800_000_000, 0)).To; got != want {
			t.Errorf("%s: %q, want %q", mode, got, want)
		}
	}
}

// While a destination that is back is only probed, nobody says that it does not answer.
func TestADestinationThatAnswersAgainIsNotToldAsAway(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	o := Output{
		ID: "output.kafka.x", Unit: "running", To: "output.s3.y", Down: true,
		ModeSince: now.Add(-2 * time.Minute),
		Answers:   now.Add(-12 * time.Second), Trial: now.Add(26 * time.Second),
		// what was sent before it was away, and has no answer yet
		FailingSince: now.Add(-2 * time.Minute), Error: "connection refused", Do: "start it",
	}
	for mode, kind := range map[string]string{"overflow": Overflowing, "standby": StandingBy} {
		o.Mode = mode
		s := o.State(now)
		want := "answers again for 12 s, and is tried in 26 s; records go to output.s3.y"
		if s.Kind != kind || s.Text != want || s.Do != "" {
			t.Errorf("%s: %s: %s; %s", mode, s.Kind, s.Text, s.Do)
		}
	}
}

// A buffer that has no room left and grows is no better off than one that is full in a minute.
func TestABufferWithoutRoomIsToldAsFull(t *testing.T) {
	p := Pipeline{Name: "app", Buffer: &Buffer{Waiting: 10, Oldest: time.Minute, Grows: 100}}
	p.Buffer.Room = 1 << 50
	if s := p.State(time.Unix(1_800_000_000, 0)); s.Full != 0 {
		t.Errorf("room for centuries: %+v", s)
	}
	for _, room := range []int64{6000, 1, 0} {
		p.Buffer.Room = room
		s := p.State(time.Unix(1_800_000_000, 0))
		if s.Level != Critical || s.Full <= 0 || !says(s, "room for") {
			t.Errorf("with room for %d bytes: %+v", room, s)
		}
	}
}

// What is missing between two stages is not safe, and not delivered; what came twice is.
func TestRecordsThatAreNotAccountedForAreTold(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	p := Pipeline{
		Name: "app", Buffer: &Buffer{},
		Unaccounted: Unaccounted{Missing: 1200, First: "1200 missing between x and y"},
	}
	s := p.State(now)
	if s.Safe || s.Level != Warning || len(s.Problems) != 1 || s.Problems[0].Kind != NotAccounted ||
		!says(s, "Not all is safe", "1,200 records that are not accounted for: 1200 missing") ||
		says(s, "everything is delivered") {
		t.Errorf("%+v", s)
	}
	p.Unaccounted = Unaccounted{TooMany: 1, First: "1 too many"}
	if s := p.State(now); !s.Safe || s.Level != Warning || !says(s, "1 record that is not accounted") {
		t.Errorf("%+v", s)
	}
}

// Where records are known to be lost nobody says that everything is delivered.
func TestLossIsSaidInTheSentence(t *testing.T) {
	for _, b := range []Buffer{{Dropped: 3}, {Damaged: 3}} {
		s := Pipeline{Name: "app", Buffer: &b}.State(time.Unix(1_800_000_000, 0))
		if s.Safe || !says(s, "Not all is safe: see below. pipeline.app has 3 records") ||
			says(s, "everything is delivered") {
			t.Errorf("%s", s.Sentence)
		}
	}
}

// What was refused for good is said wherever nothing worse is, of an archive whose records always
// wait, too, and of several pipelines.
func TestWhatWasRefusedIsSaidInTheSentence(t *testing.T) {
	lake := Pipeline{
		Name:    "lake",
		Inputs:  []Input{{ID: "input.kafka.t", Unit: "running", Behind: &Behind{Partitions: 3, Uncommitted: 900}}},
		Outputs: []Output{{ID: "output.s3.lake", Unit: "running", Mode: "direct", Dead: 7}},
	}
	s := lake.State(time.Unix(1_800_000_000, 0))
	refused := "7 records were refused for good since the start, see the dead letters."
	if want := "All safe. 900 records are not delivered yet; " + refused; s.Sentence != want {
		t.Errorf("%q, want %q", s.Sentence, want)
	}
	all := Sentence([]PipelineState{s, {Name: "other"}})
	if want := "All safe. All 2 pipelines deliver; 900 records are on the way; " + refused; all != want {
		t.Errorf("%q, want %q", all, want)
	}
}

// Nobody is told of a rate at which a destination takes records that takes none, though it did
// within the half minute that a rate is made of.
func TestADestinationThatTakesNothingHasNoRate(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for name, o := range map[string]Output{
		"away":         {FailingSince: now, Error: "refused", Stalled: 5 * time.Second},
		"hangs":        {Stalled: 5 * time.Second},
		"while replay": {Mode: "replay", FailingSince: now, Stalled: 5 * time.Second},
		"paused":       {PausedSince: now},
	} {
		o.Out = 400
		if s := o.State(now); s.Rate != 0 {
			t.Errorf("%s: %v a second", name, s.Rate)
		}
	}
	if s := (Output{Mode: "overflow", Stalled: time.Hour, Out: 400}).State(now); s.Rate != 400 {
		t.Errorf("to the overflow: %v a second", s.Rate)
	}
}

// A buffer for which the disk has less room than max_size is as full as the disk lets it be.
func TestABufferIsAsFullAsTheDiskLeavesRoom(t *testing.T) {
	for _, c := range []struct{ fill, want float64 }{{0.001, 0.75}, {1, 1}} {
		b := Buffer{Used: 3 << 20, Room: 1 << 20, Fill: c.fill}
		if s := (Pipeline{Name: "app", Buffer: &b}).State(time.Unix(1, 0)); s.Fill != c.want {
			t.Errorf("%v full, want %v", s.Fill, c.want)
		}
	}
}

// An error is told by its address and reason, without the calls that came to it.
func TestErrorsAreToldWithoutPlumbing(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	err := "unable to dial: dial tcp 10.0.0.7:9092: connect: connection refused"
	o := Output{FailingSince: now.Add(-9 * time.Second), Error: err}
	i := Input{FailingSince: now.Add(-9 * time.Second), Error: err}
	want := "does not answer for 9 s: 10.0.0.7:9092: connection refused"
	if s, r := o.State(now).Text, i.State(now).Text; s != want || r != want {
		t.Errorf("%q and %q, want %q", s, r, want)
	}
	o = Output{Mode: "overflow", Down: true, To: "output.s3.x", StoreError: "dial tcp: lookup s3: no such host"}
	if s := o.State(now).Text; !strings.Contains(s, "cannot be used: lookup s3: no such host") {
		t.Error(s)
	}
	for err, want := range map[string]string{
		`put s3://b/a.zst: Put "http://10.0.0.7:9000/b/a.zst": dial tcp 10.0.0.7:9000: connect: connection refused`: "put s3://b/a.zst: 10.0.0.7:9000: connection refused",
		`Post "https://es:9200/_bulk?a=b": EOF`: "es:9200: EOF",
	} {
		if got := Plain(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
