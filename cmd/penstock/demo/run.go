package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Options of a demonstration.
type Options struct {
	Penstock string // the binary
	Dir      string // work directory; a temporary one if empty, removed afterwards
	Rate     int    // lines a second, all apps together
	Live     bool   // redraw one progress line, for terminals
	Out      io.Writer
}

// ErrLost tells that the count at the end did not come out even.
var ErrLost = errors.New("lines were lost, repeated or out of order")

type run struct {
	opts      Options
	dir       string
	topic     string
	broker    *Broker
	edge      process
	edgeAdmin string
	consumer  process
	apps      []*App
	ledger    *Ledger // what is in Kafka
	lake      *Ledger // what is in the lake
	meter     *flowMeter
	show      *display
}

// Run writes logs, moves them, takes the broker away, kills the agent, brings the broker back,
// archives the topic, and counts every line. It returns ErrLost if the count does not come out
// even.
func Run(ctx context.Context, opts Options) (err error) {
	r := &run{opts: opts, topic: "app-logs", ledger: NewLedger()}
	if r.dir = opts.Dir; r.dir == "" {
		if r.dir, err = os.MkdirTemp("", "penstock-demo"); err != nil {
			return err
		}
		defer os.RemoveAll(r.dir)
	}
	r.edge.exe = opts.Penstock
	if err := os.MkdirAll(filepath.Join(r.dir, "logs"), 0o755); err != nil {
		return err
	}
	if r.edgeAdmin, err = freeAddr(); err != nil {
		return err
	}
	// A member that was killed is given up soon, or there would be little to see for a while.
	soon := kfake.BrokerConfigs(
		map[string]string{
			"group.consumer.session.timeout.ms":    "3000",
			"group.consumer.heartbeat.interval.ms": "500",
		},
	)
	if r.broker, err = StartBroker(3, []string{r.topic}, soon); err != nil {
		return err
	}
	defer r.broker.Close()
	if err := r.writeEdgeConfig(); err != nil {
		return err
	}
	r.edge.log = filepath.Join(r.dir, "edge.log")
	defer r.edge.kill()
	if err := r.writeLakeConfig(); err != nil {
		return err
	}
	r.consumer.exe = r.edge.exe
	defer r.consumer.kill()
	return r.play(ctx)
}

// play is the story.
func (r *run) play(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fmt.Fprintf(r.opts.Out, "work directory %s, status page http://%s\n\n", r.dir, r.edgeAdmin)
	writing, stopWriting := context.WithCancel(ctx)
	defer stopWriting()
	apps := r.startApps(writing)
	readCtx, stopReading := context.WithCancel(ctx)
	defer stopReading()
	reader := spawn(func() error { return consume(readCtx, r.broker.Addr(), r.topic, r.ledger) })
	r.meter = newFlowMeter(r.edgeAdmin)
	r.show = newDisplay(r)
	defer r.show.stop()

	if err := r.outage(ctx); err != nil {
		return err
	}
	stopWriting()
	for _, wait := range apps {
		if err := wait(); err != nil {
			return err
		}
	}
	r.show.say("the apps have stopped; the last lines arrive")
	if err := r.arrive(ctx); err != nil {
		return err
	}
	r.meter.sample()
	if err := r.edge.terminate(15 * time.Second); err != nil {
		return err
	}
	stopReading()
	if err := reader(); err != nil {
		return err
	}
	if err := r.archive(ctx); err != nil {
		return err
	}
	r.show.stop()
	return r.report()
}

// startApps lets apps write and rotate logs until ctx ends. What it returns waits for each.
func (r *run) startApps(ctx context.Context) []func() error {
	var waits []func() error
	for i := range 2 {
		name := fmt.Sprintf("app-%d", i+1)
		app := &App{
			Source: name,
			Path:   filepath.Join(r.dir, "logs", name+".log"),
			Kinds:  []Rotation{Rename, RenameGzip}[:i+1],
			Rand:   rand.New(rand.NewPCG(uint64(i), 1)),
		}
		r.apps = append(r.apps, app)
		waits = append(waits, spawn(func() error {
			return errors.Join(app.Run(ctx, r.opts.Rate/2, 3*time.Second), app.Close())
		}))
	}
	return waits
}

// outage starts the edge, and takes away and gives back what it works with.
func (r *run) outage(ctx context.Context) error {
	if err := r.edge.start(); err != nil {
		return err
	}
	steps := []struct {
		say string
		do  func() error
		run time.Duration
	}{
		{"two apps write and rotate logs; the edge tails them into Kafka", nil, 4 * time.Second},
		{"the broker is taken away: lines go to the disk buffer", r.broker.Stop, 6 * time.Second},
		{"the outage lasts: the buffer moves to the overflow directory", nil, 5 * time.Second},
		{
			"kill -9 of the edge, in the middle of it",
			func() error { r.meter.sample(); r.edge.kill(); return nil },
			time.Second,
		},
		{"the edge is started again", r.edge.start, 4 * time.Second},
		{
			"the broker is back: overflow first, then the buffer, in order",
			r.broker.Start,
			4 * time.Second,
		},
	}
	for _, s := range steps {
		r.show.say(s.say)
		if s.do != nil {
			if err := s.do(); err != nil {
				return err
			}
		}
		if err := fault.Sleep(ctx, s.run); err != nil {
			return err
		}
		if r.edge.cmd != nil && !r.edge.running() {
			return fmt.Errorf("the edge ended by itself; see %s", r.edge.log)
		}
	}
	return nil
}

// arrive waits until every line has arrived and the overflow is empty, or nothing moves any more.
func (r *run) arrive(ctx context.Context) error {
	total := r.total()
	deadline := time.Now().Add(40 * time.Second)
	var arriving, draining progress
	for r.ledger.Distinct() < total && arriving.goesOn(r.ledger.Distinct()) &&
		time.Now().Before(deadline) && r.edge.running() {
		if err := fault.Sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	left := func() int { n, _ := overflowing(r.overflowDir()); return n }
	for n := left(); n > 0 && draining.goesOn(int64(n)) && time.Now().Before(deadline); n = left() {
		if err := fault.Sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return fault.Sleep(ctx, 500*time.Millisecond) // for what might be sent twice
}

// patience is how long nothing may move before what is missing counts as lost: the demo ends within
// a minute then, too.
const patience = 10 * time.Second

// progress watches a number that is to change.
type progress struct {
	n     int64
	since time.Time
}

// goesOn reports whether n has changed lately.
func (p *progress) goesOn(n int64) bool {
	if p.since.IsZero() || n != p.n {
		p.n, p.since = n, time.Now()
	}
	return time.Since(p.since) < patience
}

func (r *run) overflowDir() string { return filepath.Join(r.dir, "overflow") }

// total is the number of lines written; the apps have stopped.
func (r *run) total() (n int64) {
	for _, a := range r.apps {
		n += a.Written()
	}
	return n
}

type column struct {
	name  string
	value int64
}

// row prints names above values, within 80 columns.
func (r *run) row(of string, columns []column) {
	names, values := "    ", of
	for _, c := range columns {
		width := max(len(c.name)+2, 10)
		names += fmt.Sprintf("%*s", width, c.name)
		values += fmt.Sprintf("%*d", width, c.value)
	}
	fmt.Fprintf(r.opts.Out, "\n%s\n%s\n", names, values)
}

func (r *run) report() error {
	written := map[string]int64{}
	for _, a := range r.apps {
		written[a.Source] = a.Written()
	}
	b := r.ledger.Check(written)
	left, _ := overflowing(r.overflowDir())
	overflow, replayed := r.meter.totals()
	lake := r.lake.Check(written)
	r.row("edge", []column{
		{"written", b.Written},
		{"in Kafka", b.Seen},
		{"overflowed", overflow},
		{"replayed", replayed},
		{"lost", b.Lost},
		{"duplicated", b.Duplicated},
		{"out of order", b.Disordered},
	})
	r.row("lake", []column{
		{"archived", lake.Seen},
		{"lost", lake.Lost},
		{"duplicated", lake.Duplicated},
	})
	for _, n := range append(b.Notes, lake.Notes...) {
		fmt.Fprintln(r.opts.Out, "  ", n)
	}
	if left > 0 {
		fmt.Fprintf(r.opts.Out, "%d objects are left in the overflow directory\n", left)
	}
	// What Kafka holds twice, because it was in flight when the edge was killed, the lake holds
	// twice too: it must add nothing.
	if b.Lost > 0 || b.Disordered > 0 || left > 0 || lake.Lost > 0 ||
		lake.Duplicated != b.Duplicated {
		return ErrLost
	}
	return nil
}

func consume(ctx context.Context, addr, topic string, ledger *Ledger) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(200*time.Millisecond))
	if err != nil {
		return err
	}
	defer cl.Close()
	for ctx.Err() == nil {
		for rec := range cl.PollFetches(ctx).RecordsAll() {
			ledger.See(rec.Value)
		}
	}
	return nil
}

// spawn runs fn in a goroutine and returns how to wait for it.
func spawn(fn func() error) (wait func() error) {
	errc := make(chan error, 1)
	go func() { errc <- fn() }()
	return func() error { return <-errc }
}
