package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What a consumer costs that keeps up.
const (
	feedRate   = 50_000 // records a second
	feedWarm   = 2 * time.Second
	feedWindow = 10 * time.Second
)

// keepUp measures a consumer while records come at a steady rate, and says how far it was behind.
func (h *harness) keepUp(ctx context.Context) (usage, error) {
	b, err := startServer("lake-broker", "0", string(ordered))
	if err != nil {
		return usage{}, err
	}
	h.stopLake()
	h.lake, h.lakeOrder = b, ""
	defer h.stopLake()
	dir := h.dir + "/lake"
	defer os.RemoveAll(dir)
	e, err := h.startConsumer(
		"local", "bench-steady",
		strings.Join([]string{fmt.Sprintf("directory = %q", dir), hourly, ndjsonZstd}, "\n  "),
	)
	if err != nil {
		return usage{}, err
	}
	defer os.RemoveAll(e.data)
	defer e.stop()
	ctx, cancel := e.whileRunning(ctx)
	defer cancel()
	feed, err := startHelper("lake-feed", b.addr, fmt.Sprint(feedRate))
	if err != nil {
		return usage{}, err
	}
	defer feed.close()
	if err := pause(ctx, feedWarm); err != nil {
		return usage{}, err
	}
	before := usage{}
	sample(e.cmd.Process.Pid, &before)
	m := watch(e.cmd.Process.Pid)
	var records, seconds float64
	for end := time.Now().Add(feedWindow); time.Now().Before(end); {
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return usage{}, err
		}
		r, s, err := lagOf(h.admin)
		if err != nil {
			return usage{}, err
		}
		records, seconds = max(records, r), max(seconds, s)
	}
	u := m.end()
	u.cpu -= before.cpu
	u.lines = int64(u.wall.Seconds() * feedRate)
	u.moved = u.lines * recordSize
	fmt.Fprintf(
		os.Stderr, "  %.0f%% of a core; at most %.0f records and %.2f s behind\n",
		100*u.cpu.Seconds()/u.wall.Seconds(), records, seconds,
	)
	return u, nil
}

// lagOf returns what the consumer's metrics say of its lag.
func lagOf(admin string) (records, seconds float64, err error) {
	resp, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	for sc := bufio.NewScanner(resp.Body); sc.Scan(); {
		name, value, _ := strings.Cut(sc.Text(), " ")
		name, _, _ = strings.Cut(name, "{")
		switch name {
		case "penstock_kafka_lag_records_sum":
			records, err = strconv.ParseFloat(value, 64)
		case "penstock_kafka_lag_seconds_max":
			seconds, err = strconv.ParseFloat(value, 64)
		}
		if err != nil {
			return 0, 0, err
		}
	}
	return records, seconds, nil
}

// feedSteadily is the workload "lake-feed": it produces so many records a second, of now, until its
// standard input ends.
func feedSteadily(addr string, rate int64) error {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(addr), kgo.DefaultProduceTopic(benchTopic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()),
		kgo.ProducerLinger(20*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	ended := make(chan error, 1)
	go func() { ended <- untilInputEnds() }()
	fmt.Println("ready")
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	start := time.Now()
	for n := int64(0); ; {
		select {
		case err := <-ended:
			return err
		case now := <-tick.C:
			for due := int64(now.Sub(start).Seconds() * float64(rate)); n < due; n++ {
				user := int32(mix(uint64(n)) % lakeUsers)
				cl.Produce(
					context.Background(),
					&kgo.Record{
						Partition: user % lakePartitions, Timestamp: now,
						Value: appendBacklog(make([]byte, 0, recordSize), n, user, now.UTC()),
					}, nil,
				)
			}
		}
	}
}
