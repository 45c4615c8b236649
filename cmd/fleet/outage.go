package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/penstock/penstock/spool"
)

// countingStore counts requests, by the second in which they were made. It is the store of all
// agents' overflow.
type countingStore struct {
	*outputtest.MemStore
	begun                      time.Time
	puts, gets, lists, deletes bySecond
}

// bySecond counts what has come within each second; what comes later than those counts as the last.
type bySecond [3600]atomic.Int64

func (n *bySecond) add(begun time.Time) {
	at := int(time.Since(begun).Seconds())
	n[min(max(at, 0), len(n)-1)].Add(1)
}

func (n *bySecond) in(second int) float64 {
	return float64(n[min(second, len(n)-1)].Load())
}

func (s *countingStore) Put(
	ctx context.Context, key string, r io.ReaderAt, size int64, opts spool.PutOptions,
) error {
	s.puts.add(s.begun)
	return s.MemStore.Put(ctx, key, r, size, opts)
}

func (s *countingStore) Get(
	ctx context.Context, key string,
) (io.ReadCloser, spool.Object, error) {
	s.gets.add(s.begun)
	return s.MemStore.Get(ctx, key)
}

func (s *countingStore) List(ctx context.Context, prefix string) iter.Seq2[spool.Object, error] {
	s.lists.add(s.begun)
	return s.MemStore.List(ctx, prefix)
}

func (s *countingStore) Delete(ctx context.Context, key string) error {
	s.deletes.add(s.begun)
	return s.MemStore.Delete(ctx, key)
}

// runOutage lets the agents run, takes all brokers away, brings them back, prints each second until
// the store is empty, and looks for every record in Kafka then.
func (o *options) runOutage(ctx context.Context, c *servers.Cluster, dir string) error {
	store := &countingStore{MemStore: outputtest.NewMemStore(), begun: time.Now()}
	failover := &outputs.Failover{}
	failover.SetDefaults()
	failover.To = "output.s3.overflow"
	failover.After, failover.Recover, failover.ObjectAge = o.after, o.after, o.after
	n := o.agents[0]
	to := target{
		brokers: c.Addrs(), dir: dir, store: store, failover: failover,
		figures: []string{connects, delivered, transactions},
	}
	f, err := startFleet(ctx, o.load, to, n)
	if err != nil {
		return err
	}
	defer f.close()
	if err := fault.Sleep(ctx, o.warmup); err != nil {
		return err
	}
	l := &outageLog{f: f, store: store}
	if err := l.begin(); err != nil {
		return err
	}
	fmt.Printf("%d agents, %s\n%7s %s\n", n, o.delivery, "second", l.head())
	steps := make(chan error, 1)
	go func() { steps <- o.takeAway(ctx, c) }()
	away, begun := true, time.Now()
	for {
		row, err := l.second(ctx)
		if err != nil {
			return err
		}
		fmt.Println(row)
		select {
		case err := <-steps:
			if err != nil {
				return err
			}
			away = false
		default:
		}
		kept := store.count(ctx)
		if late := time.Since(begun) > o.outage+o.patience; away || kept > 0 && !late {
			continue
		}
		l.end()
		if kept > 0 {
			return fmt.Errorf("%d objects are left in the store", kept)
		}
		fmt.Println("nothing is left in the store")
		return f.prove(ctx, c, o.patience)
	}
}

// takeAway kills the brokers, starts them again after the outage, and returns once agents can have
// recovered.
func (o *options) takeAway(ctx context.Context, c *servers.Cluster) error {
	if err := fault.Sleep(ctx, 3*time.Second); err != nil {
		return err
	}
	fmt.Println("-- the brokers are killed")
	for id := range servers.Brokers {
		c.Kill(id + 1)
	}
	if err := fault.Sleep(ctx, o.outage); err != nil {
		return err
	}
	fmt.Println("-- the brokers are started")
	if err := c.StartAll(); err != nil {
		return err
	}
	fmt.Println("-- the brokers listen")
	return fault.Sleep(ctx, 2*o.after)
}

// count returns how many objects wait to be replayed.
func (s *countingStore) count(ctx context.Context) (n int) {
	for o := range s.MemStore.List(ctx, "") {
		if strings.HasSuffix(o.Key, ".ndjson.zst") {
			n++
		}
	}
	return n
}

const (
	connects     = "penstock_kafka_connects_total"
	delivered    = "penstock_output_records_total"
	transactions = "penstock_kafka_transactions_total"
)

// outageLog tells what happens within each second. Requests to the store are of the second in which
// they were made. The others are read at its end: where that comes late, since the machine has more
// to do than it can, one row is of several seconds, and has their averages.
type outageLog struct {
	f       *fleet
	store   *countingStore
	at      int // the second, since the store has begun
	read    time.Time
	last    [5]float64
	peak    row
	rows    int
	starved int // so many of these came late
	latest  time.Duration
}

// row is figures of one second.
type row struct {
	figures [9]float64
	late    time.Duration
}

// lateFrom is how late the end of a second may be told.
const lateFrom = 250 * time.Millisecond

func (l *outageLog) head() string {
	return fmt.Sprintf("%9s %9s %9s %9s %9s %7s %7s %7s %7s", "connects", "refused", "records",
		"commits", "given up", "puts", "gets", "lists", "deletes")
}

func (r row) String() string {
	f := r.figures
	text := fmt.Sprintf(
		"%9.0f %9.0f %9.0f %9.0f %9.0f %7.0f %7.0f %7.0f %7.0f",
		f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8],
	)
	if r.late > lateFrom {
		text += fmt.Sprintf("  starved: %.1f s late", r.late.Seconds())
	}
	return text
}

func (l *outageLog) begin() (err error) {
	l.at = int(time.Since(l.store.begun).Seconds())
	l.last, err = l.totals()
	return err
}

// totals reads what has come until now.
func (l *outageLog) totals() (n [5]float64, err error) {
	now, err := l.f.figures()
	l.read = time.Now()
	return [5]float64{
		now.values[connects+"/ok"], now.values[connects+"/error"], now.values[delivered],
		now.values[transactions+"/committed"], now.values[transactions+"/aborted"],
	}, err
}

// second waits for the end of a second, and tells what it was like.
func (l *outageLog) second(ctx context.Context) (text string, err error) {
	from := l.at
	l.at = max(from, int(time.Since(l.store.begun).Seconds())) + 1
	due := l.store.begun.Add(time.Duration(l.at) * time.Second)
	if err := fault.Sleep(ctx, time.Until(due)); err != nil {
		return "", err
	}
	before := l.read
	total, err := l.totals()
	if err != nil {
		return "", err
	}
	passed := l.read.Sub(before).Seconds()
	r := row{late: l.read.Sub(due)}
	for i := range total {
		r.figures[i] = (total[i] - l.last[i]) / passed
	}
	l.last = total
	for i, n := range []*bySecond{&l.store.puts, &l.store.gets, &l.store.lists, &l.store.deletes} {
		at := len(total) + i
		for second := from; second < l.at; second++ {
			r.figures[at] += n.in(second) / float64(l.at-from)
			l.peak.figures[at] = max(l.peak.figures[at], n.in(second))
		}
	}
	for i, n := range r.figures[:len(total)] {
		l.peak.figures[i] = max(l.peak.figures[i], n)
	}
	l.rows++
	if l.latest = max(l.latest, r.late); r.late > lateFrom {
		l.starved++
	}
	return fmt.Sprintf("%7d %s", l.at-1, r), nil
}

// end prints the peaks.
func (l *outageLog) end() {
	fmt.Printf("%7s %s\n%.0f records were delivered\n", "peak", l.peak, l.last[2])
	if l.starved > 0 {
		fmt.Printf(
			"%d of %d rows came late, by up to %.1f s: this machine has too little for so many agents\n",
			l.starved, l.rows, l.latest.Seconds(),
		)
	}
}
