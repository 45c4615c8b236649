package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// things are metrics to push: a counter, gauges and a histogram, with labels that need care.
type things struct {
	*prometheus.Registry
	records *prometheus.CounterVec
}

func someThings() things {
	reg := prometheus.NewRegistry()
	t := things{reg, prometheus.NewCounterVec(
		prometheus.CounterOpts{Name: "records_total", Help: "h"}, []string{"component", "path"})}
	temperature := prometheus.NewGauge(prometheus.GaugeOpts{Name: "below", Help: "h"})
	temperature.Set(-2.5)
	never := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "never", Help: "h"},
		func() float64 { return 1 / zero })
	took := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "took_seconds", Help: "h", Buckets: []float64{1, 2},
	})
	for _, v := range []float64{0.5, 1.5, 1.5, 9} {
		took.Observe(v)
	}
	t.records.WithLabelValues("output.kafka.events", "/var/log/a b.log|#,").Add(7)
	reg.MustRegister(t.records, temperature, never, took)
	return t
}

var zero float64

func gathered(t *testing.T, from prometheus.Gatherer) []*dto.MetricFamily {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func text1(datagrams [][]byte) string { return string(bytes.Join(datagrams, []byte("\n"))) }

func TestStatsDLines(t *testing.T) {
	from := someThings()
	s := statsd{prefix: "x.", host: "web 1", largest: udpDatagram, last: map[string]float64{}}
	got, accept := s.encode(points(gathered(t, from)))
	want := "x.below:0|g\nx.below:-2.5|g\n" +
		"x.records_total.output_kafka_events._var_log_a_b_log___:7|c\n" +
		"x.took_seconds_count:4|c\nx.took_seconds_sum:12.5|c"
	if text1(got) != want {
		t.Errorf("got\n%s\nwant\n%s", text1(got), want)
	}
	// What was not accepted is added again, what was is not.
	from.records.WithLabelValues("output.kafka.events", "/var/log/a b.log|#,").Add(3)
	got, _ = s.encode(points(gathered(t, from)))
	if !strings.Contains(text1(got), "records_total.output_kafka_events._var_log_a_b_log___:10|c") {
		t.Errorf("what was not sent is lost:\n%s", text1(got))
	}
	accept(len(got))
	got, _ = s.encode(points(gathered(t, from)))
	if !strings.Contains(text1(got), ":3|c") || strings.Contains(text1(got), "took") {
		t.Errorf("what was sent is sent again:\n%s", text1(got))
	}
}

// manyCounters are of many datagrams.
func manyCounters() things {
	t := someThings()
	for i := range 5000 {
		t.records.WithLabelValues("output.kafka.events", fmt.Sprintf("/var/log/%d.log", i)).Inc()
	}
	return t
}

// addTo adds what datagrams tell of counters to sums.
func addTo(t *testing.T, sums map[string]float64, datagrams ...[]byte) {
	t.Helper()
	for line := range strings.Lines(text1(datagrams)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		value, tags, isCounter := strings.Cut(rest, "|c")
		if !isCounter {
			continue
		}
		added, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Errorf("%q: %v", line, err)
		}
		sums[name+tags] += added
	}
}

// Of a snapshot that is sent in part nothing is told twice, nor is anything lost.
func TestCountersOfHalfASnapshot(t *testing.T) {
	from := someThings()
	want := map[string]float64{}
	s := statsd{tags: true, host: "web 1", largest: 100, last: map[string]float64{}}
	all, _ := s.encode(points(gathered(t, from)))
	addTo(t, want, all...)
	for sent := range len(all) + 1 {
		for _, anew := range []bool{false, true} {
			s.last = map[string]float64{}
			if anew { // of the components before
				for name := range want {
					s.last[name] = 100
				}
			}
			first, accept := s.encode(points(gathered(t, from)))
			accept(sent)
			rest, _ := s.encode(points(gathered(t, from)))
			got := map[string]float64{}
			addTo(t, got, first[:sent]...)
			addTo(t, got, rest...)
			if !maps.Equal(got, want) {
				t.Errorf("after %d of %d: %v, want %v", sent, len(all), got, want)
			}
		}
	}
}

func TestDogStatsDLinesHaveTagsAndFitIntoDatagrams(t *testing.T) {
	s := statsd{tags: true, host: "web 1", largest: 100, last: map[string]float64{}}
	got, _ := s.encode(points(gathered(t, someThings())))
	if want := "records_total:7|c|#agent:web_1,component:output.kafka.events,path:/var/log/a_b.log___"; !strings.Contains(
		text1(got), want) {
		t.Errorf("got\n%s", text1(got))
	}
	for _, d := range got {
		if len(d) > 100 || bytes.HasSuffix(d, []byte("\n")) {
			t.Errorf("a datagram of %d bytes: %q", len(d), d)
		}
	}
}

func TestOpenTSDBLines(t *testing.T) {
	o := opentsdb{prefix: "x.", host: "web 1"}
	got := string(o.lines(points(gathered(t, someThings())), time.Unix(1700000000, 0)))
	want := "put x.below 1700000000 -2.5 agent=web_1\n" +
		"put x.records_total 1700000000 7 agent=web_1 component=output.kafka.events path=/var/log/a_b.log___\n" +
		"put x.took_seconds_count 1700000000 4 agent=web_1\n" +
		"put x.took_seconds_sum 1700000000 12.5 agent=web_1\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What is written by hand here is read by the generated code.
func TestOTLPIsWhatItsDefinitionSays(t *testing.T) {
	o := otlp{prefix: "x.", host: "web-1", version: "1.0", start: time.Unix(1, 0)}
	var got metricspb.MetricsData
	body := o.encode(gathered(t, someThings()), time.Unix(2, 0))
	if err := (proto.UnmarshalOptions{}).Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.ProtoReflect().GetUnknown()) > 0 || len(got.ResourceMetrics) != 1 {
		t.Fatalf("got %v", &got)
	}
	var want metricspb.MetricsData
	if err := protojson.Unmarshal([]byte(`{"resourceMetrics":[{
"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"penstock"}},
 {"key":"service.instance.id","value":{"stringValue":"web-1"}},
 {"key":"service.version","value":{"stringValue":"1.0"}}]},
"scopeMetrics":[{"scope":{"name":"penstock"},"metrics":[
 {"name":"x.below","gauge":{"dataPoints":[{"startTimeUnixNano":"1000000000","timeUnixNano":"2000000000","asDouble":-2.5}]}},
 {"name":"x.records_total","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
  {"startTimeUnixNano":"1000000000","timeUnixNano":"2000000000","asDouble":7,"attributes":[
   {"key":"component","value":{"stringValue":"output.kafka.events"}},
   {"key":"path","value":{"stringValue":"/var/log/a b.log|#,"}}]}]}},
 {"name":"x.took_seconds","histogram":{"aggregationTemporality":2,"dataPoints":[
  {"startTimeUnixNano":"1000000000","timeUnixNano":"2000000000","count":"4","sum":12.5,
   "bucketCounts":["1","2","1"],"explicitBounds":[1,2]}]}}]}]}]}`), &want); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(&got, &want) {
		t.Errorf("got %s", protojson.Format(&got))
	}
}

func pusher(t *testing.T, from prometheus.Gatherer, to, address string) *Pusher {
	t.Helper()
	return New(Config{To: to, Address: address, Interval: time.Second, Timeout: 20 * time.Second},
		"web-1", "1.0", from, slog.New(slog.DiscardHandler))
}

func counted(c prometheus.Counter) float64 {
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		return -1
	}
	return m.GetCounter().GetValue()
}

func TestDatagramsArriveOverUDPAndUnixSockets(t *testing.T) {
	for _, network := range []string{"udp", "unixgram"} {
		listen, address := "127.0.0.1:0", ""
		if network == "unixgram" {
			listen = filepath.Join(t.TempDir(), "s")
		}
		c, err := net.ListenPacket(network, listen)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if address = c.LocalAddr().String(); network == "unixgram" {
			address = "unix://" + listen
		}
		p := pusher(t, someThings(), "dogstatsd", address)
		p.push(t.Context())
		b := make([]byte, 1<<16)
		if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, _, err := c.ReadFrom(b)
		if err != nil || !bytes.Contains(b[:n], []byte("records_total:7|c|#agent:web-1")) {
			t.Errorf("%s: %q, %v", network, b[:n], err)
		}
		p.push(t.Context()) // what a counter had is not added again
		n, _, err = c.ReadFrom(b)
		if err != nil || bytes.Contains(b[:n], []byte("records_total")) {
			t.Errorf("%s: then %q, %v", network, b[:n], err)
		}
		if counted(p.sent) != 2 || counted(p.failures) != 0 {
			t.Errorf("%s: %v sent, %v failures", network, counted(p.sent), counted(p.failures))
		}
	}
}

// A receiver that is busy has its queue full before all is sent: the rest comes with the next one.
func TestCountersForABusyReceiverAddUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	c, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	from := manyCounters()
	p := pusher(t, from, "dogstatsd", "unix://"+path)
	p.cfg.Timeout = 50 * time.Millisecond
	p.push(t.Context())
	if counted(p.failures) != 1 {
		t.Fatal("the queue takes a whole snapshot")
	}
	want, got := map[string]float64{}, map[string]float64{}
	whole, _ := (&statsd{tags: true, host: "web-1", largest: unixDatagram}).encode(
		points(gathered(t, from)))
	addTo(t, want, whole...)
	p.cfg.Timeout = 20 * time.Second
	var wg sync.WaitGroup
	wg.Go(func() { p.push(t.Context()) })
	b := make([]byte, 1<<16)
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for len(got) < len(want) {
		n, _, err := c.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		addTo(t, got, b[:n])
	}
	wg.Wait()
	if !maps.Equal(got, want) {
		t.Error("counters do not add up to what they are")
	}
}

// That nobody listens is told for a datagram before the one that cannot be sent.
func TestCountersThatNobodyListenedToAreToldAgain(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := pusher(t, manyCounters(), "dogstatsd", c.LocalAddr().String())
	c.Close()
	p.push(t.Context())
	if counted(p.failures) != 1 {
		t.Fatal("nobody was missed")
	}
	for name, n := range p.statsd.last {
		if n != 0 {
			t.Fatalf("%v of %s is taken for told", n, name)
		}
	}
}

// A receiver that is away gets what it missed, with its times, the oldest first; of what it refuses
// nothing is sent twice; and no more than a bounded number of snapshots waits.
func TestWhatCouldNotBePushedComesLater(t *testing.T) {
	var mu sync.Mutex
	status, got := http.StatusServiceUnavailable, 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		var data metricspb.MetricsData
		if err := proto.Unmarshal(body, &data); err != nil || r.Header.Get("X-Key") != "k" {
			t.Errorf("%v, %v", err, r.Header)
		}
		if status < 300 {
			got++
		}
		w.WriteHeader(status)
	}))
	defer srv.Close()
	set := func(s int) { mu.Lock(); status = s; mu.Unlock() }
	p := pusher(t, someThings(), "otlp", srv.URL)
	p.cfg.Headers = map[string]string{"X-Key": "k"}
	for range kept + 2 {
		p.push(t.Context())
	}
	if len(p.waiting) != kept || counted(p.dropped) != 2 || counted(p.failures) != kept+2 {
		t.Errorf("%d wait, %v dropped, %v failures", len(p.waiting), counted(p.dropped), counted(p.failures))
	}
	set(http.StatusOK)
	p.push(t.Context())
	if got != kept || len(p.waiting) != 0 || counted(p.dropped) != 3 {
		t.Errorf("%d came, %d wait, %v dropped", got, len(p.waiting), counted(p.dropped))
	}
	set(http.StatusBadRequest)
	p.push(t.Context())
	if len(p.waiting) != 0 || counted(p.dropped) != 4 || !p.failing {
		t.Errorf("%d wait, %v dropped", len(p.waiting), counted(p.dropped))
	}
}

func TestOpenTSDBTakesLinesOrSaysWhatIsWrong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 2)
	go func() {
		for _, answer := range []string{"", "put: illegal argument\n"} {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all, _ := io.ReadAll(c)
			_, _ = io.WriteString(c, answer)
			_ = c.Close()
			got <- string(all)
		}
	}()
	p := pusher(t, someThings(), "opentsdb", l.Addr().String())
	if err := p.send(t.Context(), p.requests(gathered(t, p.from), time.Unix(5, 0))); err != nil {
		t.Error(err)
	}
	if text := <-got; strings.Count(text, "put ") != 4 || strings.Contains(text, "exit") {
		t.Errorf("got %q", text)
	}
	err = p.send(t.Context(), p.requests(gathered(t, p.from), time.Unix(5, 0)))
	var refused *refusedError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "illegal argument") {
		t.Errorf("got %v", err)
	}
}

// It begins at a time of its own, and says at the stop what there was last.
func TestTheLastSnapshotIsPushedAtTheStop(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := pusher(t, someThings(), "statsd", c.LocalAddr().String())
	p.cfg.Interval = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.Run(ctx)
	if counted(p.sent) != 1 {
		t.Errorf("%v snapshots were pushed", counted(p.sent))
	}
}

// OpenTSDB over HTTP takes points as JSON, few at a time, and says what it does not take.
func TestOpenTSDBTakesPointsOverHTTP(t *testing.T) {
	reg := prometheus.NewRegistry()
	many := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "many", Help: "h"}, []string{"n", "empty"})
	reg.MustRegister(many)
	for i := range perRequest + 10 {
		many.WithLabelValues(strconv.Itoa(i), "").Set(float64(i) + 0.5)
	}
	var got []dataPoint
	var sizes []int
	status := http.StatusNoContent
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var some []dataPoint
		if err := json.NewDecoder(r.Body).Decode(&some); err != nil || r.Method != http.MethodPost ||
			r.URL.Path != "/api/put" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %v: %v", r.Method, r.URL, r.Header, err)
		}
		got, sizes = append(got, some...), append(sizes, len(some))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "unknown metric")
	}))
	defer srv.Close()
	p := pusher(t, reg, "opentsdb", srv.URL+"/api/put")
	send := func() error {
		return p.send(t.Context(), p.requests(gathered(t, p.from), time.Unix(5, 0)))
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	if len(got) != perRequest+10 || fmt.Sprint(sizes) != fmt.Sprint([]int{perRequest, 10}) {
		t.Errorf("%d points came in requests of %v", len(got), sizes)
	}
	for _, d := range got {
		n, err := strconv.Atoi(d.Tags["n"])
		if err != nil || d.Metric != "many" || d.Timestamp != 5 || d.Value != float64(n)+0.5 ||
			d.Tags["agent"] != "web-1" || len(d.Tags) != 2 {
			t.Errorf("%+v, %v", d, err)
		}
	}
	var refused *refusedError
	if status = http.StatusBadRequest; !errors.As(send(), &refused) {
		t.Error("a refusal is tried again")
	} else if !strings.Contains(refused.Error(), "unknown metric") {
		t.Error(refused)
	}
	if status = http.StatusServiceUnavailable; errors.As(send(), &refused) || send() == nil {
		t.Error("what may work later is given up")
	}
}
