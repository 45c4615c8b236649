package spool

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/spool/protocol"
)

// someRefused are refused one by one, and many in a row.
func someRefused(o int64) string {
	if o%7 == 3 || o >= 400 && o < 700 || o >= 1_990 && o < 2_010 {
		return fmt.Sprintf("filter.parse.p: reason %d", o%2)
	}
	return ""
}

// checkRefused compares the dead-letter objects with what is refused from an offset on.
func checkRefused(t *testing.T, s *memStore, topic *memTopic, from int64) {
	t.Helper()
	want, found := 0, 0
	for _, r := range topic.recs {
		if r.Offset >= from && topic.refuses(r.Offset) != "" {
			want++
		}
	}
	for _, key := range s.keys() {
		dead := strings.HasPrefix(key, "_dead_letter/app/")
		for _, line := range s.lines(t, key) {
			var v struct {
				Offset *int64
				ID     int64
				Topic  string
				Reason string
			}
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err)
			}
			switch {
			case !dead && (v.Reason != "" || topic.refuses(v.ID) != ""):
				t.Fatalf("%s has what is refused: %s", key, line)
			case !dead:
			case v.Offset == nil || v.Topic != "app" || v.Reason != topic.refuses(*v.Offset):
				t.Fatalf("%s: %s", key, line)
			default:
				found++
			}
		}
	}
	if found != want {
		t.Errorf("%d are among the dead letters, %d are refused", found, want)
	}
}

// What filters refuse is archived like all else: once, in its order, also where a batch has nothing
// else, and where a cut begins and ends in the middle of it.
func TestRefusedLieAmongTheObjects(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{1, 17, 100, 5_000} {
		s, topic := newMemStore(), newTopic("app", 0)
		topic.refuses = someRefused
		topic.produce(5_000, hourly(0, 6))
		a := drainAll(t, s, topic, batch, nil)
		checkOnce(t, s, nil, topic)
		checkRefused(t, s, topic, 0)
		refused := 0
		for _, r := range topic.recs {
			if someRefused(r.Offset) != "" {
				refused++
			}
		}
		if len(topic.aside) > 0 {
			t.Errorf("brought elsewhere: %v", topic.aside)
		}
		if got := a.DeadLettered(); got != int64(refused) {
			t.Errorf("%d counted as dead letters, of %d", got, refused)
		}
	}
}

// Owners end anywhere in the middle of a cut; who makes it again reads other batches.
func TestRefusedAreArchivedOnceByManyOwners(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	s, topic := newMemStore(), newTopic("app", 0)
	topic.refuses = someRefused
	topic.produce(6_000, hourly(0, 3))
	for range 4 {
		interrupt(t, s, topic, rng.IntN(5), nil)
	}
	drainAll(t, s, topic, 1+rng.IntN(200), nil)
	checkOnce(t, s, nil, topic)
	checkRefused(t, s, topic, 0)
	if len(topic.aside) > 0 {
		t.Errorf("brought elsewhere: %v", topic.aside)
	}
}

// A release that brought what is refused elsewhere has begun a cut: this one makes that the same,
// and brings it there too, and only what lies behind is among the objects.
func TestCutThatWasBegunWithoutTheRefused(t *testing.T) {
	t.Parallel()
	s, topic := newMemStore(), newTopic("app", 0)
	topic.refuses, topic.asBefore = someRefused, true
	topic.produce(3_000, hourly(0, 3))
	interrupt(t, s, topic, 5, nil)
	pos, raw := topic.committed()
	note, _, err := protocol.ParseNote(raw)
	if err != nil {
		t.Fatal(err)
	}
	topic.asBefore, topic.aside = false, nil
	drainAll(t, s, topic, 77, nil)
	end := note.Intent.End
	var want []int64
	for o := pos; o < end; o++ {
		if someRefused(o) != "" {
			want = append(want, o)
		}
	}
	if !slices.Equal(topic.aside, want) {
		t.Errorf("elsewhere are %v, want those refused from %d to %d", topic.aside, pos, end)
	}
	isElsewhere := func(_ *memTopic, o int64) bool { return o < end && someRefused(o) != "" }
	checkOnce(t, s, isElsewhere, topic)
	checkRefused(t, s, topic, end)
}
