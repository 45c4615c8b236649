package kafka

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// asClient is what the client library makes of a timestamp.
func asClient(ms int64) time.Time { return time.Unix(0, ms*1e6) }

// Milliseconds reach further than nanoseconds: what these cannot hold keeps its number, and is
// never another time.
func TestTimestampsBeyond2262(t *testing.T) {
	t.Parallel()
	in := []*kgo.Record{
		{Offset: 7, Value: []byte("microseconds"), Timestamp: asClient(1767225600_000_001)},
		{Offset: 8, Value: []byte("nanoseconds"), Timestamp: asClient(1767225600_000_000_002)},
		{Offset: 9, Value: []byte("the year 9999"), Timestamp: asClient(253402300799_999)},
		{Offset: 10, Value: []byte("the year 1600"), Timestamp: asClient(-11676096000_000)},
		{Offset: 11, Value: []byte("now"), Timestamp: asClient(1767225600_123)},
		{Offset: 12, Value: []byte("none"), Timestamp: asClient(-1)},
	}
	want := []string{
		"microseconds 9223372036854775807 1767225600000001",
		"nanoseconds 9223372036854775807 1767225600000000002",
		"the year 9999 9223372036854775807 253402300799999",
		"the year 1600 -9223372036854775808 -11676096000000",
		"now 1767225600123000000 ",
		"none -1000000 ",
	}
	l := &Lease{part: partition{"logs", 0}, name: "logs/0"}
	sparse := append(
		slices.Clone(in),
		&kgo.Record{Offset: 20, Value: []byte("now"), Timestamp: asClient(1767225600_123)},
	)
	for name, c := range map[string][]*kgo.Record{"dense": in, "sparse": sparse} {
		var got []string
		batches := l.batches(c)
		for _, b := range batches {
			recs, err := b.Records()
			if err != nil {
				t.Fatal(err)
			}
			for r := range recs {
				ms, _ := r.Beyond()
				got = append(got, fmt.Sprint(string(r.Value), " ", r.Time, " ", ms))
			}
		}
		if !slices.Equal(got[:len(want)], want) {
			t.Errorf("%s: got %q", name, got)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		ms := rng.Int64N(2e16) - 1e16
		if rng.IntN(3) == 0 {
			ms = rng.Int64N(1e14)
		}
		if got, _ := millis(asClient(ms).UnixNano()); got != ms {
			t.Fatalf("%d comes back as %d", ms, got)
		}
	}
}
