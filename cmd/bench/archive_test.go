package main

import (
	"testing"
	"time"
)

// The times of a backlog of any size fill the whole day, in order.
func TestBacklogSpansItsHours(t *testing.T) {
	for _, n := range []int64{1, 24, 106_751, 5_000_000, 2_000_000_000} {
		first, last := ordered.eventTime(0, n), ordered.eventTime(n-1, n)
		if want := lakeHours * time.Hour * time.Duration(
			min(n-1, 1),
		); last.Sub(first) > lakeHours*time.Hour ||
			last.Sub(first) < want*23/24 {
			t.Errorf("%d records span %v", n, last.Sub(first))
		}
	}
	const n = 500_000
	perHour := map[time.Time]int{}
	before := time.Time{}
	for i := range int64(n) {
		at := ordered.eventTime(i, n)
		if at.Before(before) {
			t.Fatalf("record %d has %v after %v", i, at, before)
		}
		before = at
		perHour[at.Truncate(time.Hour)]++
	}
	if len(perHour) != lakeHours {
		t.Errorf("%d hours, want %d", len(perHour), lakeHours)
	}
	for hour, have := range perHour {
		if d := have - n/lakeHours; d < -1 || d > 1 {
			t.Errorf("%d records in hour %v, want %d", have, hour, n/lakeHours)
		}
	}
}

// Shuffled times lie within ten minutes before their place, and one of a hundred an hour before
// that.
func TestShuffledBacklogIsLateAsSaid(t *testing.T) {
	const n = 500_000
	late, back, sum := 0, 0, time.Duration(0)
	before := time.Time{}
	for i := range int64(n) {
		at := shuffled.eventTime(i, n)
		behind := ordered.eventTime(i, n).Sub(at)
		if behind >= lateBy {
			late++
			behind -= lateBy
		}
		if behind < 0 || behind >= maxJitter {
			t.Fatalf("record %d is %v behind", i, behind)
		}
		sum += behind
		if at.Before(before) {
			back++
		}
		before = at
	}
	if late < n/lateEvery*9/10 || late > n/lateEvery*11/10 {
		t.Errorf("%d of %d records are late", late, n)
	}
	if mean := sum / n; mean < maxJitter*45/100 || mean > maxJitter*55/100 {
		t.Errorf("behind by %v on average", mean)
	}
	if back < n*4/10 {
		t.Errorf("only %d of %d records are before the one before them", back, n)
	}
}
