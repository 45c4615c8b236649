package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/kafka/producer"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// eachPath runs f for the direct and the record path, and makes sure that it was taken.
func eachPath(t *testing.T, f func(t *testing.T, change func(*Config), path string)) {
	for name, change := range paths {
		t.Run(name, func(t *testing.T) { f(t, change, name) })
	}
}

func TestDeliversInOrder(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
			t.Run(codec, func(t *testing.T) {
				c := startCluster(t, nil, kfake.NumBrokers(3), kfake.SeedTopics(4, "logs"))
				cfg := testConfig(c)
				cfg.Compression = codec
				change(&cfg)
				w, reg := newWriter(t, cfg)
				var batches []*record.Batch
				want := map[string]int{}
				for i := range 40 {
					origin := fmt.Sprintf("/var/log/app-%d.log", i%7)
					batches = append(batches, lines(origin, want[origin], 200, 150))
					want[origin] += 200
				}
				mustDeliver(t, w, batches...)
				checkOrder(t, consume(t, c, "logs", 40*200), want)
				if n := counter(
					t, reg, "penstock_kafka_path_batches_total", map[string]string{"path": path},
				); n != 40 {
					t.Errorf("%v batches took the %s path", n, path)
				}
			})
		}
	})
}

func TestKeepsRecords(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		c := startCluster(t, nil, kfake.SeedTopics(1, "logs"))
		cfg := testConfig(c)
		change(&cfg)
		w, _ := newWriter(t, cfg)
		at := time.UnixMilli(time.Now().UnixMilli() - 5000).UTC()
		recs := []record.Record{
			{Time: at.UnixNano(), Key: nil, Value: []byte("null key")},
			{Time: at.UnixNano() - 7e6, Key: []byte{}, Value: []byte("empty key")},
			{
				Time:  at.UnixNano() + 9e6,
				Key:   []byte("k"),
				Value: nil,
				Headers: []record.Header{
					{Key: "a", Value: []byte("1")},
					{Key: "a", Value: []byte("2")},
					{Key: "n"},
				},
			},
			{Time: at.UnixNano(), Key: []byte("k"), Value: []byte{}},
			{Time: at.UnixNano(), Value: bytes.Repeat([]byte("x"), smallBatch)},
		}
		for i := range recs {
			recs[i].Offset = int64(i)
		}
		mustDeliver(t, w, record.FromRecords("app", "o", recs))
		got := consume(t, c, "logs", len(recs))
		for i, r := range got {
			headers := recs[i].Headers
			if path == "record" {
				headers = append(
					slices.Clone(headers), record.Header{Key: "via", Value: []byte("penstock")},
				)
			}
			same := len(headers) == len(r.Headers)
			for j := range r.Headers {
				same = same && r.Headers[j].Key == headers[j].Key &&
					bytes.Equal(r.Headers[j].Value, headers[j].Value)
			}
			if !same || !bytes.Equal(r.Value, recs[i].Value) ||
				(r.Value == nil) != (recs[i].Value == nil) ||
				!bytes.Equal(r.Key, recs[i].Key) ||
				(r.Key == nil) != (recs[i].Key == nil) ||
				!r.Timestamp.Equal(time.Unix(0, recs[i].Time)) {
				t.Errorf("record %d is %+v, want %+v", i, r, recs[i])
			}
		}
	})
}

// A broker bounced in mid-flight (vector#24193, fluent-bit#10667, fluent-bit#3766, fluent-bit#4378,
// beats#37276): nothing lost, nothing stuck, nothing twice, nothing out of order.
func TestVector24193_FluentBit10667_Beats37276_BrokerBouncedInFlight(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		seed := runtest.Seed(t)
		n := newNetwork(seed)
		c := startCluster(t, n, kfake.NumBrokers(2), kfake.SeedTopics(3, "logs"))
		cfg := testConfig(c)
		cfg.DeliveryTimeout = time.Minute
		change(&cfg)
		w, _ := newWriter(t, cfg)
		mustDeliver(t, w, lines("warm", 0, 200, 100))
		n.set(false, 0.1)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(60 * time.Millisecond):
					n.bounce()
				}
			}
		})
		var batches []*record.Batch
		want := map[string]int{"warm": 200}
		for i := range 400 {
			origin := fmt.Sprintf("o%d", i%5)
			batches = append(batches, lines(origin, want[origin], 100, 200))
			want[origin] += 100
		}
		errs := deliver(t, w, batches...)
		close(stop)
		wg.Wait()
		n.set(false, 0)
		for i, err := range errs {
			if err != nil {
				t.Fatalf("batch %d: %v", i, err)
			}
		}
		recs := consume(t, c, "logs", 400*100+200)
		if len(recs) != 400*100+200 {
			t.Errorf("%d records, want %d", len(recs), 400*100+200)
		}
		checkOrder(t, recs, want)
	})
}

// An outage longer than the delivery timeout: the batches are kept, which is told, or come back
// with a retryable error; all go out in order, once.
func TestOutageLongerThanTheDeliveryTimeout(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		n := newNetwork(1)
		c := startCluster(t, n, kfake.SeedTopics(2, "logs"))
		cfg := testConfig(c)
		cfg.DeliveryTimeout = time.Second
		cfg.RequestTimeout = 500 * time.Millisecond
		change(&cfg)
		w, reg := newWriter(t, cfg)
		mustDeliver(t, w, lines("o", 0, 200, 100))
		if err := w.Probe(t.Context()); err != nil {
			t.Fatalf("probe: %v", err)
		}
		n.set(true, 0)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := w.Probe(ctx); err == nil {
			t.Error("the probe of a dead cluster is well")
		}
		var batches []*record.Batch
		for i := range 10 {
			batches = append(batches, lines("o", 200+i*200, 200, 100))
		}
		if err := sitOut(
			t,
			w,
			func() { n.set(false, 0) },
			batches...); !errors.Is(err, producer.ErrTimeout) {
			t.Fatal(err)
		}
		checkOrder(t, consume(t, c, "logs", 11*200), map[string]int{"o": 11 * 200})
		if counter(
			t, reg, "penstock_kafka_connects_total", map[string]string{"result": "ok"},
		) == 0 {
			t.Error("no connection was counted")
		}
	})
}

// What the broker refuses for now comes back.
func TestRefusalGivesBatchesBack(t *testing.T) {
	t.Parallel()
	c := startCluster(t, nil, kfake.SeedTopics(1, "logs"))
	cfg := testConfig(c)
	cfg.DeliveryTimeout = time.Second
	w, _ := newWriter(t, cfg)
	var refuses atomic.Bool
	refuses.Store(true)
	brokerAnswers(
		c,
		func(*kmsg.ProduceRequestTopicPartition, *kmsg.ProduceResponseTopicPartition) int16 {
			if refuses.Load() {
				return kerr.NotEnoughReplicas.Code
			}
			return 0
		},
	)
	batches := []*record.Batch{lines("o", 0, 200, 100), lines("o", 200, 200, 100)}
	for i, err := range deliver(t, w, batches...) {
		if outputs.IsPermanent(err) || !errors.Is(err, producer.ErrTimeout) ||
			!errors.Is(err, kerr.NotEnoughReplicas) {
			t.Fatalf("batch %d: %v", i, err)
		}
	}
	refuses.Store(false)
	mustDeliver(t, w, batches...)
	checkOrder(t, consume(t, c, "logs", 400), map[string]int{"o": 400})
}

// The answer to a batch is lost and the broker stays away for longer than the delivery timeout: it
// must not appear twice.
func TestLostAnswerThenOutage(t *testing.T) {
	t.Parallel()
	n := newNetwork(1)
	c := startCluster(t, n, kfake.SeedTopics(1, "logs"))
	cfg := testConfig(c)
	cfg.DeliveryTimeout = time.Second
	cfg.RequestTimeout = 500 * time.Millisecond
	w, _ := newWriter(t, cfg)
	mustDeliver(t, w, lines("o", 0, 200, 100))
	n.set(false, 1)
	batches := []*record.Batch{lines("o", 200, 200, 100), lines("o", 400, 200, 100)}
	if err := sitOut(
		t,
		w,
		func() { n.set(false, 0) },
		batches...); !errors.Is(err, producer.ErrTimeout) {
		t.Fatal(err)
	}
	recs := consume(t, c, "logs", 600)
	if len(recs) != 600 {
		t.Fatalf("%d records, want 600", len(recs))
	}
	checkOrder(t, recs, map[string]int{"o": 600})
}

func TestLeaderMoves(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		c := startCluster(t, nil, kfake.NumBrokers(3), kfake.SeedTopics(2, "logs"))
		cfg := testConfig(c)
		cfg.DeliveryTimeout = time.Minute
		change(&cfg)
		w, _ := newWriter(t, cfg)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					c.MoveTopicPartition("logs", int32(i%2), int32(i%3))
				}
			}
		})
		var batches []*record.Batch
		want := map[string]int{}
		for i := range 100 {
			origin := fmt.Sprintf("o%d", i%3)
			batches = append(batches, lines(origin, want[origin], 300, 200))
			want[origin] += 300
		}
		mustDeliver(t, w, batches[:50]...)
		mustDeliver(t, w, batches[50:]...)
		close(stop)
		wg.Wait()
		recs := consume(t, c, "logs", 30_000)
		if len(recs) != 30_000 {
			t.Errorf("%d records, want 30000", len(recs))
		}
		checkOrder(t, recs, want)
	})
}

// One over-large message must not stop the output (fluent-plugin-kafka#117, #323) and must be
// counted (beats#14906): it alone is refused, with its index.
func TestFluentPluginKafka117_Beats14906_OverlargeRecord(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		c := startCluster(t, nil, kfake.SeedTopics(1, "logs"))
		setTopicConfig(t, c, "logs", "max.message.bytes", "20000")
		cfg := testConfig(c)
		cfg.Compression = "none"
		change(&cfg)
		w, reg := newWriter(t, cfg)
		var bb record.Builder
		bb.Reset("app", "o", 0)
		var sent [][]byte
		for i := range 500 {
			v := fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", 100))
			if i == 123 || i == 400 {
				v = bytes.Repeat([]byte("L"), 30_000)
			} else {
				sent = append(sent, v)
			}
			bb.Append(time.Now().UnixNano(), nil, v, nil)
		}
		b := bb.Build()
		b.At(0)
		after := lines("o", 0, 200, 90)
		errs := deliver(t, w, b, after)
		var partial *outputs.PartialError
		if !errors.As(errs[0], &partial) || len(partial.Records) != 2 ||
			partial.Records[0].Index != 123 ||
			partial.Records[1].Index != 400 {
			t.Fatalf("got %v", errs[0])
		}
		for _, r := range partial.Records {
			if !outputs.IsPermanent(r.Err) || !errors.Is(r.Err, kerr.MessageTooLarge) {
				t.Errorf("record %d: %v", r.Index, r.Err)
			}
		}
		if errs[1] != nil {
			t.Errorf("the batch behind: %v", errs[1])
		}
		got := consume(t, c, "logs", 498+200)
		for i, v := range sent {
			if !bytes.Equal(got[i].Value, v) {
				t.Fatalf("record %d is %.20q, want %.20q", i, got[i].Value, v)
			}
		}
		if counter(t, reg, "penstock_kafka_split_batches_total", nil) == 0 {
			t.Error("no split was counted")
		}
	})
}

func setTopicConfig(t *testing.T, c *kfake.Cluster, topic, name, value string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	res := kmsg.NewIncrementalAlterConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	conf := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	conf.Name, conf.Value = name, &value
	res.Configs = append(res.Configs, conf)
	req.Resources = append(req.Resources, res)
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil || resp.Resources[0].ErrorCode != 0 {
		t.Fatalf("%v %+v", err, resp)
	}
}

// brokerAnswers makes the broker answer produce requests with a code until it returns 0. A
// partition that comes with one that is refused has to come again.
func brokerAnswers(
	c *kfake.Cluster,
	code func(p *kmsg.ProduceRequestTopicPartition, out *kmsg.ProduceResponseTopicPartition) int16,
) {
	c.ControlKey(0, func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		req := kreq.(*kmsg.ProduceRequest)
		resp := req.ResponseKind().(*kmsg.ProduceResponse)
		bad := false
		for _, rt := range req.Topics {
			t := kmsg.NewProduceResponseTopic()
			t.Topic, t.TopicID = rt.Topic, rt.TopicID
			for _, rp := range rt.Partitions {
				p := kmsg.NewProduceResponseTopicPartition()
				p.Partition = rp.Partition
				p.ErrorCode = code(&rp, &p)
				bad = bad || p.ErrorCode != 0
				t.Partitions = append(t.Partitions, p)
			}
			resp.Topics = append(resp.Topics, t)
		}
		for i := range resp.Topics {
			for j := range resp.Topics[i].Partitions {
				if p := &resp.Topics[i].Partitions[j]; bad && p.ErrorCode == 0 {
					p.ErrorCode = kerr.NotLeaderForPartition.Code // the cluster does not get it
				}
			}
		}
		return resp, nil, bad
	})
}

func TestOldTimesRefused(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		c := startCluster(t, nil, kfake.SeedTopics(1, "logs"))
		setTopicConfig(t, c, "logs", "retention.ms", "-1")
		cfg := testConfig(c)
		change(&cfg)
		w, reg := newWriter(t, cfg)
		old := time.Date(2020, 1, 2, 3, 4, 5, 678e6, time.UTC)
		brokerAnswers(
			c,
			func(p *kmsg.ProduceRequestTopicPartition, out *kmsg.ProduceResponseTopicPartition) int16 {
				var kb kmsg.RecordBatch
				if err := kb.ReadFrom(p.Records); err != nil {
					t.Error(err)
				}
				if kb.FirstTimestamp == old.UnixMilli() {
					return kerr.InvalidTimestamp.Code
				}
				return 0
			},
		)
		var bb record.Builder
		bb.Reset("app", "o", 0)
		for i := range 300 {
			bb.Append(old.UnixNano(), nil, fmt.Appendf(nil, "%0100d", i), nil)
		}
		b := bb.Build()
		b.At(0)
		begun := time.Now().Add(-time.Second)
		mustDeliver(t, w, b)
		for i, r := range consume(t, c, "logs", 300) {
			h := r.Headers[len(r.Headers)-1]
			if r.Timestamp.Before(begun) || h.Key != HeaderOriginalTime ||
				string(h.Value) != "2020-01-02T03:04:05.678Z" ||
				string(r.Value) != fmt.Sprintf("%0100d", i) {
				t.Fatalf("record %d: %v %v %q", i, r.Timestamp, r.Headers, r.Value)
			}
		}
		if counter(t, reg, "penstock_kafka_retimed_batches_total", nil) != 1 {
			t.Error("not counted")
		}
	})
}

func TestRecordsTheBrokerNames(t *testing.T) {
	t.Parallel()
	c := startCluster(t, nil, kfake.SeedTopics(1, "logs"))
	w, _ := newWriter(t, testConfig(c))
	brokerAnswers(
		c,
		func(p *kmsg.ProduceRequestTopicPartition, out *kmsg.ProduceResponseTopicPartition) int16 {
			var kb kmsg.RecordBatch
			kb.ReadFrom(p.Records)
			if kb.NumRecords != 200 {
				return 0
			}
			for _, i := range []int32{3, 199} {
				er := kmsg.NewProduceResponseTopicPartitionErrorRecord()
				er.RelativeOffset, er.ErrorMessage = i, kmsg.StringPtr(
					"a compacted topic needs keys",
				)
				out.ErrorRecords = append(out.ErrorRecords, er)
			}
			return kerr.InvalidRecord.Code
		},
	)
	errs := deliver(t, w, lines("o", 0, 200, 100))
	var partial *outputs.PartialError
	if !errors.As(errs[0], &partial) || len(partial.Records) != 2 ||
		partial.Records[0].Index != 3 ||
		partial.Records[1].Index != 199 ||
		!outputs.IsPermanent(partial.Records[0].Err) {
		t.Fatalf("got %v", errs[0])
	}
	if got := consume(t, c, "logs", 198); len(got) != 198 {
		t.Fatalf("%d records", len(got))
	}
}

func TestMaxRecordAge(t *testing.T) {
	t.Parallel()
	c := startCluster(t, nil, kfake.SeedTopics(1, "logs"))
	cfg := testConfig(c)
	cfg.MaxRecordAge = time.Hour
	w, reg := newWriter(t, cfg)
	old := time.Now().Add(-2 * time.Hour)
	b := record.FromRecords("app", "o", []record.Record{
		{Offset: 0, Time: old.UnixNano(), Value: bytes.Repeat([]byte("x"), smallBatch)},
		{Offset: 1, Time: time.Now().Add(-40 * time.Minute).UnixNano(), Value: []byte("young")},
	})
	mustDeliver(t, w, b)
	got := consume(t, c, "logs", 2)
	if len(got[0].Headers) != 1 || time.Since(got[0].Timestamp) > time.Minute ||
		len(got[1].Headers) != 0 ||
		time.Since(got[1].Timestamp) < 30*time.Minute {
		t.Errorf(
			"got %v %v and %v %v", got[0].Timestamp, got[0].Headers, got[1].Timestamp,
			got[1].Headers,
		)
	}
	if counter(
		t, reg, "penstock_kafka_path_batches_total", map[string]string{"reason": "age"},
	) != 1 {
		t.Error("path not counted")
	}
}

// A record older than the topic's retention would be expired as soon as it is there.
func TestOlderThanRetention(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		c := startCluster(t, nil, kfake.SeedTopics(1, "logs"))
		setTopicConfig(
			t, c, "logs", "retention.ms", fmt.Sprint(int64(24*time.Hour/time.Millisecond)),
		)
		cfg := testConfig(c)
		change(&cfg)
		w, _ := newWriter(t, cfg)
		for i, age := range []time.Duration{2 * time.Hour, 48 * time.Hour} {
			b := record.FromRecords(
				"app",
				"o",
				[]record.Record{
					{
						Offset: int64(i),
						Time:   time.Now().Add(-age).UnixNano(),
						Value:  bytes.Repeat([]byte("x"), smallBatch),
					},
				},
			)
			mustDeliver(t, w, b)
		}
		got := consume(t, c, "logs", 2)
		original := func(r *kgo.Record) string {
			for _, h := range r.Headers {
				if h.Key == HeaderOriginalTime {
					return string(h.Value)
				}
			}
			return ""
		}
		if original(got[0]) != "" || time.Since(got[0].Timestamp) < time.Hour {
			t.Errorf("a record within retention has time %v", got[0].Timestamp)
		}
		if at, err := time.Parse(
			time.RFC3339Nano, original(got[1]),
		); err != nil || time.Since(at) < 47*time.Hour ||
			time.Since(got[1].Timestamp) > time.Minute {
			t.Errorf(
				"a record beyond retention has time %v, and %q", got[1].Timestamp, original(got[1]),
			)
		}
	})
}

// A topic that keeps records for minutes would expire those of an outage of an hour at once, too.
func TestOlderThanAShortRetention(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		c := startCluster(t, nil, kfake.SeedTopics(1, "logs"))
		setTopicConfig(t, c, "logs", "retention.ms", fmt.Sprint((10 * time.Minute).Milliseconds()))
		cfg := testConfig(c)
		change(&cfg)
		w, _ := newWriter(t, cfg)
		for i, age := range []time.Duration{0, 4 * time.Minute, 30 * time.Minute} {
			at := time.Now().Add(-age).UnixNano()
			value := bytes.Repeat([]byte("x"), smallBatch)
			mustDeliver(
				t,
				w,
				record.FromRecords(
					"app", "o", []record.Record{{Offset: int64(i), Time: at, Value: value}},
				),
			)
		}
		got := consume(t, c, "logs", 3)
		if time.Since(got[1].Timestamp) < 3*time.Minute {
			t.Errorf("a record within retention has time %v", got[1].Timestamp)
		}
		if time.Since(got[2].Timestamp) > time.Minute {
			t.Errorf("a record beyond retention has time %v", got[2].Timestamp)
		}
	})
}

func TestUnknownTopic(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		c := startCluster(t, nil, kfake.AllowAutoTopicCreation())
		cfg := testConfig(c)
		cfg.DeliveryTimeout = time.Second
		change(&cfg)
		w, _ := newWriter(t, cfg)
		err := sitOut(t, w, func() {
			cfg.AllowAutoTopicCreation = true
			w, _ := newWriter(t, cfg)
			mustDeliver(t, w, lines("o", 0, 100, 100))
		}, lines("o", 100, 100, 100))
		if !errors.Is(err, kerr.UnknownTopicOrPartition) ||
			!strings.Contains(err.Error(), "allow_auto_topic_creation") {
			t.Fatal(err)
		}
		checkOrder(t, consume(t, c, "logs", 200), map[string]int{"o": 200})
	})
}

func TestAuthenticationFailure(t *testing.T) {
	t.Parallel()
	c := startCluster(
		t, nil, kfake.SeedTopics(1, "logs"), kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "bob", "pw"),
	)
	cfg := testConfig(c)
	cfg.DeliveryTimeout = time.Second
	w, _ := newWriter(t, cfg)
	told := make(chan error, 100)
	w.Report(func(err error) { told <- err })
	w.Start(t.Context(), lines("o", 0, 200, 100), func(err error) { told <- err })
	if err := <-told; err == nil || outputs.IsPermanent(err) ||
		!strings.Contains(err.Error(), "SASL") {
		t.Fatalf("got %v", err)
	}
}

func TestTopicKeyAndPartitioner(t *testing.T) {
	t.Parallel()
	c := startCluster(t, nil, kfake.SeedTopics(6, "app-eu", "app-us"))
	cfg := testConfig(c)
	cfg.Topic = template.MustParse("app-${header.region}")
	cfg.Key = template.MustParse("${field.user.id}")
	cfg.Headers = map[string]string{"via": "penstock"}
	w, _ := newWriter(t, cfg)
	var bb record.Builder
	bb.Reset("app", "o", 0)
	want := map[string]int{}
	for i := range 600 {
		region := []string{"eu", "us"}[i%2]
		user := fmt.Sprintf("u%d", i%11)
		headers := []record.Header{{Key: "region", Value: []byte(region)}}
		v := fmt.Sprintf(`{"user":{"id":%q},"n":%d}`, user, i)
		if i == 77 {
			headers = nil
		} else {
			want["app-"+region]++
		}
		if i == 78 {
			v = "no json"
		}
		bb.Append(time.Now().UnixNano(), []byte("own"), []byte(v), headers)
	}
	b := bb.Build()
	b.At(0)
	var partial *outputs.PartialError
	errs := deliver(t, w, b)
	if !errors.As(errs[0], &partial) || len(partial.Records) != 1 ||
		partial.Records[0].Index != 77 ||
		!outputs.IsPermanent(partial.Records[0].Err) {
		t.Fatalf("got %v", errs[0])
	}
	destination, err := cfg.BindDestination("edge-1", 6)
	if err != nil {
		t.Fatal(err)
	}
	hasher := kgo.StickyKeyPartitioner(nil).ForTopic("x")
	for topic, n := range want {
		last := map[string]int{}
		got := consume(t, c, topic, n)
		if len(got) != n {
			t.Errorf("%s: %d records, want %d", topic, len(got), n)
		}
		for _, r := range got {
			if string(r.Value) == "no json" {
				if r.Key != nil {
					t.Errorf("key %q without a field", r.Key)
				}
				continue
			}
			var i int
			fmt.Sscanf(string(r.Value[bytes.LastIndexByte(r.Value, ':')+1:]), "%d", &i)
			if user := fmt.Sprintf("u%d", i%11); string(r.Key) != user {
				t.Fatalf("record %d has key %q, want %q", i, r.Key, user)
			}
			if p := hasher.Partition(r, 6); int32(p) != r.Partition {
				t.Fatalf("key %q is in partition %d, Kafka's hash says %d", r.Key, r.Partition, p)
			}
			told, err := destination(
				&record.Batch{Tag: "app"},
				&record.Record{Value: r.Value, Headers: []record.Header{{Key: "region", Value: []byte("eu")}}},
			)
			if want := fmt.Sprint(r.Partition); err != nil || told[2] != [2]string{"partition", want} {
				t.Fatalf("partition %s is told as %v (%v)", want, told, err)
			}
			if i < last[string(r.Key)] {
				t.Fatalf("key %q out of order", r.Key)
			}
			last[string(r.Key)] = i
		}
	}
	r := record.Record{Headers: []record.Header{{Key: "region", Value: []byte("a/b")}}}
	if got := w.Topic(b, &r); got != "app-a_b" {
		t.Errorf("Topic = %q", got)
	}
	if got := w.Topic(&record.Batch{Topic: "chosen"}, &r); got != "chosen" {
		t.Errorf("Topic = %q", got)
	}
}

func TestReplayedBatchKeepsItsTopic(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		c := startCluster(t, nil, kfake.SeedTopics(1, "logs", "elsewhere"))
		cfg := testConfig(c)
		change(&cfg)
		w, _ := newWriter(t, cfg)
		b := lines("o", 0, 200, 100)
		b.Topic = "elsewhere"
		mustDeliver(t, w, b)
		checkOrder(t, consume(t, c, "elsewhere", 200), map[string]int{"o": 200})
	})
}

func TestSpreadPartitioners(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"sticky", "round_robin"} {
		eachPath(t, func(t *testing.T, change func(*Config), path string) {
			c := startCluster(t, nil, kfake.SeedTopics(4, "logs"))
			cfg := testConfig(c)
			cfg.Partitioner = p
			cfg.Linger = 0
			change(&cfg)
			w, _ := newWriter(t, cfg)
			for i := range 40 {
				mustDeliver(t, w, lines("o", i*200, 200, 100))
			}
			used := map[int32]int{}
			for _, r := range consume(t, c, "logs", 8000) {
				used[r.Partition]++
			}
			if len(used) != 4 {
				t.Errorf("%s used the partitions %v", p, used)
			}
		})
	}
}

func TestSmallBatchesTravelTogether(t *testing.T) {
	t.Parallel()
	c := startCluster(t, nil, kfake.SeedTopics(1, "logs"))
	cfg := testConfig(c)
	cfg.Linger = 50 * time.Millisecond
	w, reg := newWriter(t, cfg)
	var batches []*record.Batch
	for i := range 500 {
		batches = append(batches, lines("o", i*2, 2, 50))
	}
	mustDeliver(t, w, batches...)
	checkOrder(t, consume(t, c, "logs", 1000), map[string]int{"o": 1000})
	if n := counter(t, reg, "penstock_kafka_produce_batches_total", nil); n > 50 {
		t.Errorf("500 small batches went out as %v", n)
	}
}

// What is started when there is no more goes at once, unless something else went of late.
func TestWhatIsFlushedDoesNotLinger(t *testing.T) {
	t.Parallel()
	c := startCluster(t, nil, kfake.SeedTopics(1, "logs"))
	cfg := testConfig(c)
	cfg.Linger = time.Minute
	w, _ := newWriter(t, cfg)
	done := make(chan error, 3)
	start := func(first int) {
		w.Start(t.Context(), lines("o", first, 2, 50), func(err error) { done <- err })
	}
	mustDeliver(t, w, lines("o", 0, 200, 100)) // the topic is known from here on
	start(200)
	start(202)
	w.Flush()
	for range 2 {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("what was flushed lingers")
		}
	}
	start(204)
	w.Flush()
	w.mu.Lock()
	lingers := len(w.open)
	w.mu.Unlock()
	if lingers != 1 {
		t.Error("a trickle makes a request of each batch")
	}
}

func TestCloseGivesBatchesBack(t *testing.T) {
	t.Parallel()
	n := newNetwork(1)
	c := startCluster(t, n, kfake.SeedTopics(1, "logs"))
	cfg := testConfig(c)
	cfg.DeliveryTimeout = time.Minute
	w, _ := newWriter(t, cfg)
	mustDeliver(t, w, lines("o", 0, 200, 100))
	n.set(true, 0)
	errc := make(chan error, 2)
	w.Start(t.Context(), lines("o", 200, 200, 100), func(err error) { errc <- err })
	w.Start(t.Context(), lines("o", 400, 1, 100), func(err error) { errc <- err })
	w.Close()
	for range 2 {
		select {
		case err := <-errc:
			if !errors.Is(err, producer.ErrClosed) {
				t.Errorf("got %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("a batch never came back")
		}
	}
}

func TestMurmur2IsKafkas(t *testing.T) {
	t.Parallel()
	// From Kafka's own UtilsTest.
	for s, want := range map[string]int32{"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107} {
		if got := murmur2(s); got != int(want&0x7fffffff) {
			t.Errorf("murmur2(%q) = %d, want %d", s, got, want&0x7fffffff)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"topic: must":       func(c *Config) { c.Topic = template.Template{} },
		"topic: \"a b\"":    func(c *Config) { c.Topic = template.MustParse("a b") },
		"topic: ${topic}":   func(c *Config) { c.Topic = template.MustParse("${topic}") },
		"key: ${header}":    func(c *Config) { c.Key = template.MustParse("${header}") },
		"partitioner: ":     func(c *Config) { c.Partitioner = "x" },
		"compression: ":     func(c *Config) { c.Compression = "x" },
		"batch_max_bytes: ": func(c *Config) { c.BatchMaxBytes = 1 },
		"delivery_timeout:": func(c *Config) { c.DeliveryTimeout = 0 },
		"brokers: ":         func(c *Config) { c.Brokers = nil },
	} {
		c := Default()
		c.Brokers = []string{"kafka-1"}
		c.Topic = template.MustParse("logs-${tag}")
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
