package state

import (
	"testing"
	"time"
)

// A consumer, which has no buffer, tells how far it is behind, and what is not delivered yet.
func TestAConsumerTellsHowFarItIsBehind(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, c := range []struct {
		behind         *Behind
		text, sentence string
	}{
		{nil, "takes what comes", "All safe."},
		{&Behind{Partitions: 1}, "reads 1 partition", "All safe. Everything is delivered."},
		{
			&Behind{Partitions: 12, Uncommitted: 4000}, "reads 12 partitions",
			"All safe. 4,000 records are not delivered yet.",
		},
		{
			&Behind{Partitions: 12, Records: 31640, Uncommitted: 35000, Age: 40 * time.Second},
			"reads 12 partitions, 31,640 records are not read yet, 40 s behind",
			"All safe. 35,000 records are not delivered yet.",
		},
		{
			&Behind{Partitions: 1, Gone: 700}, "reads 1 partition",
			"Not all is safe: see below. input.kafka.t found 700 records gone before they were read, " +
				"since the start: retention took them.",
		},
	} {
		p := Pipeline{
			Name: "lake", Inputs: []Input{{ID: "input.kafka.t", Unit: "running", Behind: c.behind}},
		}
		s := p.State(now)
		if text := s.Inputs[0].Text; text != c.text || s.Sentence != c.sentence {
			t.Errorf("%q and %q, not %q and %q", text, s.Sentence, c.text, c.sentence)
		}
	}
}

// What was taken away before an input could read it is its state while that goes on, or is said
// beside what is worse.
func TestAnInputTellsWhatItLost(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := Pipeline{Name: "p", Inputs: []Input{{ID: "input.udp.a", Unit: "running", Drops: Drops{
		Count: 12345, Since: now.Add(-time.Minute), Of: "datagrams", Why: "the kernel had no room",
		Do: "raise it",
	}}}}
	const lost = "lost 12,345 datagrams in the last minute: the kernel had no room"
	s := p.State(now)
	if in := s.Inputs[0]; in.Kind != Dropped || in.Level != Warning || in.Text != lost ||
		in.Do != "raise it" || !in.Since.Equal(now.Add(-time.Minute)) {
		t.Errorf("%+v", in)
	}
	if want := "Not all is safe: see below. input.udp.a " + lost + "."; s.Safe || s.Sentence != want ||
		len(s.Problems) != 1 {
		t.Errorf("%q %+v", s.Sentence, s.Problems)
	}
	p.Inputs[0].Blocked = true
	s = p.State(now)
	if in := s.Inputs[0]; s.Safe || in.Kind != WaitingBuffer || in.Level != Critical ||
		in.Text != "waits: the buffer is full; it "+lost {
		t.Errorf("%+v", in)
	}
	p.Inputs[0] = Input{ID: "input.udp.a", Unit: "running"}
	if s = p.State(now); !s.Safe || s.Level != OK {
		t.Errorf("afterwards %+v", s)
	}
}
