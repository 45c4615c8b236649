package overflow

import (
	"testing"
	"time"
)

// Of a thousand agents that turned to the store within three seconds, no more than an eighth write
// an object within the same second, and none later than object_age.
func TestAgentsDoNotWriteToTheStoreInStep(t *testing.T) {
	const agents, age = 1000, 30 * time.Second
	seconds := map[int]int{}
	for i := range agents {
		began := time.Duration(i) * 3 * time.Second / agents
		d := ageOf(age)
		if d < age/2 || d > age {
			t.Fatalf("an object is finished after %v", d)
		}
		seconds[int((began+d).Seconds())]++
	}
	for at, n := range seconds {
		if n > agents/8 {
			t.Errorf("%d agents write in second %d", n, at)
		}
	}
	if d := ageOf(1); d < 0 || d > 1 {
		t.Errorf("an age of 1ns became %v", d)
	}
}
