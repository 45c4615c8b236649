package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
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
	agents  []*agent
	stop    context.CancelFunc
	quiet   context.CancelFunc // nothing more is written
	writers sync.WaitGroup
	wg      sync.WaitGroup
}

type agent struct {
	number int
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
	figures  []string          // names of metrics that are kept; nil: all
}

// startFleet starts n agents at once.
func startFleet(ctx context.Context, l load, to target, n int) (*fleet, error) {
	ctx, cancel := context.WithCancel(ctx)
	f := &fleet{stop: cancel}
	wctx, quiet := context.WithCancel(ctx)
	f.quiet = quiet
	for i := range n {
		a, err := newAgent(l, to, i)
		if err != nil {
			f.close()
			return nil, err
		}
		f.agents = append(f.agents, a)
		f.wg.Go(func() { _ = a.out.Drain(ctx, a.log.Owner()) })
		f.writers.Go(func() { a.write(wctx, l) })
	}
	return f, nil
}

// silence has nothing more written.
func (f *fleet) silence() {
	f.quiet()
	f.writers.Wait()
}

// isDone reports whether everything that was written is committed as delivered.
func (f *fleet) isDone() bool {
	return !slices.ContainsFunc(f.agents, func(a *agent) bool {
		pos, _ := a.log.Committed()
		return pos < a.log.End()
	})
}

func (f *fleet) close() {
	f.silence()
	f.stop()
	f.wg.Wait()
	var wg sync.WaitGroup
	for _, a := range f.agents {
		wg.Go(func() { _ = a.out.Close() })
	}
	wg.Wait()
}

func newAgent(l load, to target, number int) (*agent, error) {
	name := fmt.Sprintf("web-%04d", number)
	a := &agent{
		number: number,
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
		Metrics: &choosy{a.reg, to.figures},
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
// interval. A line begins with the number of its agent and its own.
func (a *agent) write(ctx context.Context, l load) {
	filler := make([]byte, l.bytes)
	for i := range filler {
		filler[i] = "0123456789 abcdef"[rand.IntN(17)]
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
			line := fmt.Appendf(make([]byte, 0, l.bytes+32), "%d %d ", a.number, first+int64(i))
			line = append(line, filler[:max(l.bytes-len(line), 0)]...)
			recs[i] = record.Record{Offset: first + int64(i), Time: now, Value: line}
		}
		a.log.Append(record.FromRecords("app", a.origin, recs))
	}
}
