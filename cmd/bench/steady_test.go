package main

import (
	"encoding/json"
	"testing"
	"time"
)

// The time a line was written is found in it as it is, and as other agents wrap it.
func TestSteadyLineTellsWhenItWasWritten(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	line := appendSteadyLine(nil, 3, 17, now)
	if !json.Valid(line) {
		t.Errorf("not JSON: %s", line)
	}
	wrapped, err := json.Marshal(map[string]string{"log": string(line)})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range [][]byte{line, wrapped} {
		if at, ok := writtenAt(l); !ok || at != now.UnixNano() {
			t.Errorf("%d, %v for %s", at, ok, l)
		}
	}
	if _, ok := writtenAt([]byte(`{"msg":"another"}`)); ok {
		t.Error("found where there is none")
	}
}

func TestPercentilesAreOfTheSamples(t *testing.T) {
	list := make([]int64, 1000)
	for i := range list {
		list[i] = int64(i)
	}
	if a, b, c := percentile(list, 50), percentile(list, 99), percentile(nil, 99); a != 499 || b != 989 ||
		c != 0 {
		t.Errorf("%d, %d, %d", a, b, c)
	}
}
