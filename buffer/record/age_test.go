package record

import (
	"testing"
	"time"
)

func TestAgeIsThatOfTheNewestEvent(t *testing.T) {
	now := time.Unix(1_766_000_000, 0)
	at := func(ages ...time.Duration) *Batch {
		var records []Record
		for _, age := range ages {
			records = append(records, Record{Time: now.Add(-age).UnixNano()})
		}
		return FromRecords("t", "o", records)
	}
	for _, c := range []struct {
		b     *Batch
		age   time.Duration
		known bool
	}{
		{at(time.Hour, 2*time.Second, time.Minute), 2 * time.Second, true},
		{at(-time.Hour), 0, true},
		{at(), 0, false},
		{FromRecords("t", "o", []Record{{}}), 0, false},
	} {
		if age, known := c.b.Age(now); age != c.age || known != c.known {
			t.Errorf("%v %v, want %v %v", age, known, c.age, c.known)
		}
	}
}
