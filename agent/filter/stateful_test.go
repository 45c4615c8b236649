package filter

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// at returns a batch whose records are so many milliseconds after the epoch: "500 value".
func at(first int64, records ...string) *record.Batch {
	var b record.Builder
	b.Reset("app", "o", 0)
	for _, r := range records {
		ms, value, _ := strings.Cut(r, " ")
		var n int64
		fmt.Sscan(ms, &n)
		b.Append(n*1e6, nil, []byte(value), nil)
	}
	out := b.Build()
	out.At(first)
	return out
}

func passedOf(t *testing.T, c Chain, b *record.Batch) string {
	t.Helper()
	return strings.Join(values(t, c.Apply(b).Batch), " ")
}

func TestThrottle(t *testing.T) {
	f, err := NewThrottle(
		ThrottleConfig{Key: must(t, "value[0:1]"), Limit: 2, Per: time.Second, MaxKeys: 100},
		Env{Metrics: prometheus.NewRegistry()},
	)
	if err != nil {
		t.Fatal(err)
	}
	c := Chain{f}.ForLog("x")
	a := at(0, "0 a1", "1 a2", "2 b1", "3 a3", "4 b2", "999 b3", "1000 a4", "1001 b4")
	want := "0:a1 1:a2 2:b1 4:b2 6:a4 7:b4"
	// the same when it is delivered again, but for what is late by then: that passes
	for i := range 3 {
		got := passedOf(t, c, a)
		if i == 0 && got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		for _, one := range strings.Fields(want) {
			if !strings.Contains(" "+got+" ", " "+one+" ") {
				t.Errorf("delivered again, %s does not pass: %s", one, got)
			}
		}
	}
	if got := passedOf(t, c, at(8, "1100 a5", "1200 a6", "2000 a7")); got != "8:a5 10:a7" {
		t.Error(got)
	}
	if got := passedOf(
		t, Chain{f}.ForLog("y"), at(8, "1100 a5", "1200 a6", "1300 a7"),
	); got != "8:a5 9:a6" {
		t.Errorf("another output has a memory of its own: %s", got)
	}
}

// Numbers that are one to a float64 are two keys.
func TestDedupeKnowsEveryDigit(t *testing.T) {
	f, err := NewDedupe(
		DedupeConfig{Key: must(t, "field.id"), Within: time.Second, MaxKeys: 100},
		Env{Metrics: prometheus.NewRegistry()},
	)
	if err != nil {
		t.Fatal(err)
	}
	in := []string{}
	for _, id := range []string{
		"18446744073709551615", "18446744073709551614", "18446744073709551615", "0.5",
		"0.12345678901234567", "0.12345678901234568", "9007199254740993", "9007199254740992", "0.50",
	} {
		in = append(in, "1 "+`{"id":`+id+`}`)
	}
	var passed []int64
	out, err := Chain{f}.ForLog("x").Apply(at(0, in...)).Batch.Records()
	if err != nil {
		t.Fatal(err)
	}
	for r := range out {
		passed = append(passed, r.Offset)
	}
	if want := []int64{0, 1, 3, 4, 5, 6, 7}; !slices.Equal(passed, want) {
		t.Errorf("%v passed, want %v", passed, want)
	}
}

func TestDedupe(t *testing.T) {
	f, err := NewDedupe(
		DedupeConfig{Within: time.Second, MaxKeys: 100}, Env{Metrics: prometheus.NewRegistry()},
	)
	if err != nil {
		t.Fatal(err)
	}
	c := Chain{f}.ForLog("x")
	a := at(0, "0 a", "10 a", "20 b", "999 a", "1000 a", "1500 a")
	if got := passedOf(t, c, a); got != "0:a 2:b 4:a" {
		t.Error(got)
	}
	// A record is no repeat of itself.
	if got := passedOf(t, c, at(4, "1000 a", "1500 a")); got != "4:a" {
		t.Error(got)
	}
	if got := passedOf(t, c, at(0, "0 a")); got != "0:a" {
		t.Error(got)
	}
	e, err := NewExplode(
		ExplodeConfig{Field: "l", Alone: true, MaxParts: 10},
		Env{Metrics: prometheus.NewRegistry()},
	)
	if err != nil {
		t.Fatal(err)
	}
	c = Chain{e, f}.ForLog("x")
	for range 2 {
		if got := passedOf(
			t, c, at(9, `0 {"l":["x","y","x"]}`, `1 {"l":["y","z"]}`),
		); !strings.Contains(got, "9:x 9:y") || !strings.Contains(got, "10:z") ||
			strings.HasPrefix(got, "9:x 9:y 9:x 10:y") {
			t.Error(got)
		}
	}
}

// However keys come and go and batches are delivered again, no record that passed once is discarded
// when it comes again, and memory stays within its bound.
func TestMemoriesNeverLose(t *testing.T) {
	rng := runtest.Rand(t)
	throttle, err := NewThrottle(
		ThrottleConfig{Key: must(t, "value"), Limit: 2, Per: time.Second, MaxKeys: 20},
		Env{Metrics: prometheus.NewRegistry()},
	)
	if err != nil {
		t.Fatal(err)
	}
	dedupe, err := NewDedupe(
		DedupeConfig{Within: time.Second, MaxKeys: 20}, Env{Metrics: prometheus.NewRegistry()},
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []Filter{throttle, dedupe} {
		c := Chain{f}.ForLog("x")
		var log []string
		for i := range 2000 {
			log = append(log, fmt.Sprintf("%d k%d", i*10+rng.IntN(50), rng.IntN(40)))
		}
		once := map[string]bool{}
		for from := 0; from < len(log); {
			n := min(len(log)-from, 1+rng.IntN(30))
			got := map[string]bool{}
			for _, v := range values(t, c.Apply(at(int64(from), log[from:from+n]...)).Batch) {
				got[v] = true
			}
			for i, r := range log[from : from+n] {
				_, value, _ := strings.Cut(r, " ")
				key := fmt.Sprintf("%d:%s", from+i, value)
				if once[key] && !got[key] {
					t.Fatalf(
						"%T: %s passed, and does not when it comes again", f, key,
					)
				}
				once[key] = once[key] || got[key]
			}
			if from += n; rng.IntN(4) == 0 {
				from = max(0, from-rng.IntN(60))
			}
		}
	}
	if n := len(throttle.seen.young); n != 0 {
		t.Errorf("the filter that others are made of remembers %d keys", n)
	}
	m := newMemory[int, int](10)
	for i := range 1000 {
		m.get(i)
		if n := len(m.young) + len(m.old); n > 11 {
			t.Fatalf("%d keys are remembered", n)
		}
	}
}

func TestCount(t *testing.T) {
	reg := prometheus.NewRegistry()
	f, err := NewCount(
		CountConfig{
			Name:      "requests_total",
			Help:      "h",
			Labels:    map[string]Expression{"status": must(t, "field.status")},
			MaxSeries: 2,
		},
		Env{Metrics: reg},
	)
	if err != nil {
		t.Fatal(err)
	}
	reg2 := prometheus.NewRegistry()
	h, err := NewCount(
		CountConfig{
			Name:      "seconds",
			Help:      "h",
			Value:     must(t, "field.s"),
			Buckets:   []float64{0.1, 1},
			MaxSeries: 2,
		},
		Env{Metrics: reg2},
	)
	if err != nil {
		t.Fatal(err)
	}
	c := Chain{f, h}.ForLog("p.kafka.x")
	b := at(
		0, `0 {"status":200,"s":0.05}`, `0 {"status":503,"s":2}`, `0 {"status":200,"s":"x"}`,
		`0 {"status":404}`, `0 text`,
	)
	for range 3 { // what comes again is not counted again
		if out := c.Apply(b).Batch; out != b {
			t.Error("the batch is another")
		}
	}
	want := `# HELP requests_total h
# TYPE requests_total counter
requests_total{log="p.kafka.x",status="200"} 2
requests_total{log="p.kafka.x",status="503"} 1
requests_total{log="p.kafka.x",status="other"} 2
`
	if err := testutil.GatherAndCompare(
		reg, strings.NewReader(want), "requests_total",
	); err != nil {
		t.Error(err)
	}
	want = `# HELP seconds h
# TYPE seconds histogram
seconds_bucket{log="p.kafka.x",le="0.1"} 1
seconds_bucket{log="p.kafka.x",le="1"} 1
seconds_bucket{log="p.kafka.x",le="+Inf"} 2
seconds_sum{log="p.kafka.x"} 2.05
seconds_count{log="p.kafka.x"} 2
`
	if err := testutil.GatherAndCompare(reg2, strings.NewReader(want), "seconds"); err != nil {
		t.Error(err)
	}
	if n := testutil.ToFloat64(h.failed); n != 3 {
		t.Errorf("%v are told as not counted", n)
	}
}

func BenchmarkStateful(b *testing.B) {
	t, err := NewThrottle(
		ThrottleConfig{Key: must(b, "field.level"), Limit: 100, Per: time.Second, MaxKeys: 1000},
		Env{},
	)
	if err != nil {
		b.Fatal(err)
	}
	benchFilter(b, "throttle", t.ForLog("x"), benchLines["json"])
	d, err := NewDedupe(
		DedupeConfig{Key: must(b, "field.msg"), Within: time.Second, MaxKeys: 1000}, Env{},
	)
	if err != nil {
		b.Fatal(err)
	}
	benchFilter(b, "dedupe", d.ForLog("x"), benchLines["json"])
}
