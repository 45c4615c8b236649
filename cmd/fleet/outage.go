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

// countingStore counts requests. It is the store of all agents' overflow.
type countingStore struct {
	*outputtest.MemStore
	puts, gets, lists, deletes atomic.Int64
}

func (s *countingStore) Put(
	ctx context.Context, key string, r io.ReaderAt, size int64, opts spool.PutOptions,
) error {
	s.puts.Add(1)
	return s.MemStore.Put(ctx, key, r, size, opts)
}

func (s *countingStore) Get(
	ctx context.Context, key string,
) (io.ReadCloser, spool.Object, error) {
	s.gets.Add(1)
	return s.MemStore.Get(ctx, key)
}

func (s *countingStore) List(ctx context.Context, prefix string) iter.Seq2[spool.Object, error] {
	s.lists.Add(1)
	return s.MemStore.List(ctx, prefix)
}

func (s *countingStore) Delete(ctx context.Context, key string) error {
	s.deletes.Add(1)
	return s.MemStore.Delete(ctx, key)
}

// runOutage lets the agents run, takes all brokers away, brings them back, and prints each second
// until the store is empty.
func (o *options) runOutage(ctx context.Context, c *servers.Cluster, dir string) error {
	store := &countingStore{MemStore: outputtest.NewMemStore()}
	failover := &outputs.Failover{}
	failover.SetDefaults()
	failover.To = "output.s3.overflow"
	failover.After, failover.Recover, failover.ObjectAge = o.after, o.after, o.after
	n := o.agents[0]
	to := target{brokers: c.Addrs(), dir: dir, store: store, failover: failover}
	f, err := startFleet(ctx, o.load, to, n)
	if err != nil {
		return err
	}
	defer f.close()
	if err := fault.Sleep(ctx, o.warmup); err != nil {
		return err
	}
	l := &outageLog{f: f, store: store}
	if _, err := l.read(); err != nil {
		return err
	}
	begun := time.Now()
	second := func() int { return int(time.Since(begun).Seconds()) }
	fmt.Printf("%d agents, %s\n%7s %s\n", n, o.delivery, "second", l.head())
	steps := make(chan error, 1)
	go func() { steps <- o.takeAway(ctx, c) }()
	away := true
	for ctx.Err() == nil {
		at := second()
		end := begun.Add(time.Duration(at+1) * time.Second)
		if err := fault.Sleep(ctx, time.Until(end)); err != nil {
			return err
		}
		row, err := l.read()
		if err != nil {
			return err
		}
		fmt.Printf("%7d %s\n", at, row)
		select {
		case err := <-steps:
			if err != nil {
				return err
			}
			away = false
		default:
		}
		kept := store.count(ctx)
		if !away && kept == 0 || second() > int((o.outage+o.patience).Seconds()) {
			fmt.Printf("%7s %s\n%d objects left, %.0f records delivered\n", "peak", l.peak, kept, l.delivered)
			for i, key := range store.Keys("") {
				if i < 3 {
					fmt.Println("left:", key)
				}
			}
			return nil
		}
	}
	return ctx.Err()
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

// outageLog tells what has happened within each second.
type outageLog struct {
	f         *fleet
	store     *countingStore
	last      row
	peak      row
	delivered float64
}

// row is figures of one second.
type row [7]float64

func (l *outageLog) head() string {
	return fmt.Sprintf("%9s %9s %9s %7s %7s %7s %7s",
		"connects", "refused", "records", "puts", "gets", "lists", "deletes")
}

func (r row) String() string {
	return fmt.Sprintf(
		"%9.0f %9.0f %9.0f %7.0f %7.0f %7.0f %7.0f", r[0], r[1], r[2], r[3], r[4], r[5], r[6],
	)
}

func (l *outageLog) read() (row, error) {
	now, err := l.f.figures()
	if err != nil {
		return row{}, err
	}
	l.delivered = now.values["penstock_output_records_total"]
	total := row{
		now.values["penstock_kafka_connects_total/ok"],
		now.values["penstock_kafka_connects_total/error"],
		l.delivered,
		float64(l.store.puts.Load()),
		float64(l.store.gets.Load()),
		float64(l.store.lists.Load()),
		float64(l.store.deletes.Load()),
	}
	passed := row{}
	for i := range total {
		passed[i] = total[i] - l.last[i]
		if l.last != (row{}) {
			l.peak[i] = max(l.peak[i], passed[i])
		}
	}
	l.last = total
	return passed, nil
}
