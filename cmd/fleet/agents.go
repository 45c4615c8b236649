package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deadletter"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/kafka"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/penstock/penstock/spool"
	"github.com/prometheus/client_golang/prometheus"
)

// fleet is many agents that run.
type fleet struct {
	agents []*agent
	stop   context.CancelFunc
	wg     sync.WaitGroup
}

type agent struct {
	origin string
	log    *outputtest.MemLog
	out    *drain.Drainer
	reg    *prometheus.Registry
}

// target is where the agents of a fleet deliver.
type target struct {
	brokers  []string
	dir      string
	store    spool.Store       // of the overflow; nil for none
	failover *outputs.Failover // nil without store
}

// startFleet starts n agents at once.
func startFleet(ctx context.Context, l load, to target, n int) (*fleet, error) {
	ctx, cancel := context.WithCancel(ctx)
	f := &fleet{stop: cancel}
	for i := range n {
		a, err := newAgent(l, to, fmt.Sprintf("web-%04d", i))
		if err != nil {
			f.close()
			return nil, err
		}
		f.agents = append(f.agents, a)
		f.wg.Go(func() { _ = a.out.Drain(ctx, a.log.Owner()) })
		f.wg.Go(func() { a.write(ctx, l) })
	}
	return f, nil
}

func (f *fleet) close() {
	f.stop()
	f.wg.Wait()
	var wg sync.WaitGroup
	for _, a := range f.agents {
		wg.Go(func() { _ = a.out.Close() })
	}
	wg.Wait()
}

func newAgent(l load, to target, name string) (*agent, error) {
	a := &agent{
		origin: name + ":/var/log/app.log", // which decides on the partition
		log:    outputtest.NewMemLog("app.kafka.events"),
		reg:    prometheus.NewRegistry(),
	}
	cfg := kafka.Default()
	cfg.Brokers, cfg.Topic = to.brokers, template.MustParse(topic)
	cfg.Delivery, cfg.CommitInterval, cfg.CommitIntervalMax = l.delivery, l.commit, l.commitMax
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	env := outputs.Env{
		Name:    "output.kafka.events",
		Agent:   name,
		Log:     slog.New(slog.DiscardHandler),
		Metrics: a.reg,
		Dir:     filepath.Join(to.dir, name),
	}
	w, err := kafka.New(cfg, env)
	if err != nil {
		return nil, err
	}
	common := outputs.DefaultCommon()
	common.Failover = to.failover
	a.out, err = drain.NewAsyncOutput(w, common, env, drain.Targets{
		DeadLetter: deadletter.NewDir(env.Dir),
		Overflow:   to.store,
	})
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return a, nil
}

// write appends batches to the agent's log until ctx ends, each at a moment of chance within its
// interval.
func (a *agent) write(ctx context.Context, l load) {
	line := bytes.Repeat([]byte("x"), l.bytes)
	for i := range line {
		line[i] = "0123456789 abcdef"[rand.IntN(17)]
	}
	every := time.Duration(float64(time.Second) / l.batches)
	next := time.Now()
	for {
		timer := time.NewTimer(time.Until(next.Add(rand.N(every))))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		next = next.Add(every)
		now := time.Now().UnixNano()
		first := a.log.End()
		recs := make([]record.Record, l.lines)
		for i := range recs {
			recs[i] = record.Record{Offset: first + int64(i), Time: now, Value: line}
		}
		a.log.Append(record.FromRecords("app", a.origin, recs))
	}
}
