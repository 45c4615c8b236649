package inputstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs"
)

// Driver lets Conformance test one kind of input: it makes inputs, and sends to them.
type Driver interface {
	// Open returns a new input. It reads from where the ones before it did, which have ended.
	Open(env inputs.Env) (inputs.Input, error)
	// Send sends one record for each of values, in order, to the input opened last. The record's
	// value has the given one somewhere in it. Where the input acknowledges, Send returns nil once
	// it has, and an error if it does not before ctx ends or the connection does.
	Send(ctx context.Context, values []string) error
}

// Kind is what becomes of records that an input has seen, but that did not become durable.
type Kind int

const (
	// Positioned inputs find them again: a position is stored with what was appended.
	Positioned Kind = iota
	// Acknowledged inputs have them sent again: their senders wait for an answer.
	Acknowledged
	// Once: nobody has them but the input. It offers them again while it runs, and a while longer.
	Once
)

// patience is for what must come to pass. A stop has less: what inputs allow themselves for their
// last records is in framing.Grace, and in the grace of those that answer.
const (
	patience     = 30 * time.Second
	stopPatience = 15 * time.Second
)

// Conformance tests that an input keeps what Input and Sink in inputs promise. newDriver returns a
// fresh one each time, which ends with the test.
func Conformance(t *testing.T, kind Kind, newDriver func(t testing.TB) Driver) {
	t.Parallel()
	for _, c := range []struct {
		name string
		test func(*trial)
	}{
		{"GoesOnAfterAStop", testStop},
		{"StopsBeforeItHasBegun", testStopAtOnce},
		{"WaitsWhileTheSinkIsFull", testFull},
		{"StopsWhileTheSinkIsFull", testStopWhileFull},
		{"OffersAgainWhatWasRefused", testRefusal},
		{"OffersAgainWhatDidNotBecomeDurable", testCrash},
		{"StopsWhileDataIsOnItsWay", testStopOnTheWay},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			x := &trial{t: t, ctx: ctx, cancel: cancel, kind: kind, d: newDriver(t), sink: New()}
			t.Cleanup(x.end)
			c.test(x)
		})
	}
}

// trial is one input, run as the agent does, its sender and its sink.
type trial struct {
	t      *testing.T
	ctx    context.Context
	cancel context.CancelFunc
	kind   Kind
	d      Driver
	sink   *MemSink
	halt   context.CancelFunc // ends the input; nil while it does not run
	ended  chan struct{}

	log     runtest.LogBuffer
	sent    []string
	sending sync.WaitGroup
	acked   atomic.Int64 // values
}

// start runs the input until stop, and again with a new one whenever it fails.
func (x *trial) start() {
	x.t.Helper()
	var ctx context.Context
	ctx, x.halt = context.WithCancel(x.ctx)
	x.ended = make(chan struct{})
	in := x.open()
	go func() {
		defer close(x.ended)
		for in != nil {
			err := x.run(ctx, in)
			if ctx.Err() != nil {
				if err != nil {
					x.t.Errorf("Run returned %v, though it was stopped", err)
				}
				return
			}
			if err == nil {
				x.t.Error("Run ended by itself, without an error")
				return
			}
			if fault.Sleep(ctx, 20*time.Millisecond) != nil {
				return
			}
			in = x.open()
		}
	}()
}

func (x *trial) open() inputs.Input {
	env := Env("input.test.conformance", x.t.TempDir())
	env.Log = slog.New(slog.NewTextHandler(&x.log, nil))
	in, err := x.d.Open(env)
	if err != nil {
		x.t.Errorf("open: %v", err)
		return nil
	}
	return in
}

// run runs one input, and checks that none of its goroutines is left. They are known by a label
// that goroutines inherit.
func (x *trial) run(ctx context.Context, in inputs.Input) error {
	label := fmt.Sprintf("%s %p", x.t.Name(), in)
	errc := make(chan error, 1)
	go pprof.Do(ctx, pprof.Labels("conformance", label), func(ctx context.Context) {
		errc <- in.Run(ctx, x.sink)
	})
	err := <-errc
	var left string
	deadline := time.Now().Add(5 * time.Second)
	for left = labelled(label); left != "" && time.Now().Before(deadline); left = labelled(label) {
		_ = fault.Sleep(context.Background(), 5*time.Millisecond) // their last instructions
	}
	if left != "" {
		x.t.Errorf("goroutines go on after Run has returned:\n%s", left)
	}
	return err
}

// labelled returns the stacks of goroutines with the label.
func labelled(label string) string {
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		return err.Error()
	}
	var out []string
	for stack := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(stack, fmt.Sprintf("%q", label)) {
			out = append(out, stack)
		}
	}
	return strings.Join(out, "\n\n")
}

// stop ends the input, which must return soon. before is called when it has been told to.
func (x *trial) stop(before func()) {
	x.t.Helper()
	x.halt()
	x.halt = nil
	if before != nil {
		before()
	}
	select {
	case <-x.ended:
	case <-time.After(stopPatience):
		x.t.Fatalf("Run does not return within %v of the stop", stopPatience)
	}
}

func (x *trial) end() {
	x.cancel()
	x.sink.Crash()
	x.sending.Wait()
	if x.halt != nil {
		x.halt()
		select {
		case <-x.ended:
		case <-time.After(stopPatience):
			x.t.Errorf("Run does not return within %v of the stop", stopPatience)
		}
	}
	if c, ok := x.d.(interface{ Close() }); ok {
		c.Close()
	}
}

// perSend is how many values go into one request or message.
const perSend = 5

// send sends n more values, in the background: five at a time, and again if they must be.
func (x *trial) send(n int) {
	x.sending.Wait()
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf("value-%06d", len(x.sent)+i)
	}
	x.sent = append(x.sent, values...)
	x.sending.Go(func() {
		for part := range slices.Chunk(values, perSend) {
			for x.d.Send(x.ctx, part) != nil {
				if fault.Sleep(x.ctx, 20*time.Millisecond) != nil {
					return
				}
			}
			if x.kind == Acknowledged {
				x.checkAck(part)
			}
		}
	})
}

// checkAck checks that what is acknowledged is durable at that moment.
func (x *trial) checkAck(values []string) {
	x.acked.Add(int64(len(values)))
	stored := x.stored()
	for _, v := range values {
		if !slices.Contains(stored, v) {
			x.t.Errorf("%s is acknowledged, and not stored", v)
		}
	}
}

var pattern = regexp.MustCompile(`value-\d{6}`)

// stored returns the values that are durable, in order, repeats included.
func (x *trial) stored() (out []string) {
	for _, v := range x.sink.Values() {
		out = append(out, pattern.FindString(v))
	}
	return out
}

func (x *trial) until(what string, ok func() bool) {
	x.t.Helper()
	runtest.Within(x.t, patience, ok, func() string {
		return fmt.Sprintf("never: %s; %d of %d values are stored, %d were acknowledged", what,
			len(x.stored()), len(x.sent), x.acked.Load())
	})
}

// all waits until everything that was sent is durable.
func (x *trial) all() {
	x.t.Helper()
	x.until("everything is stored", func() bool {
		stored := map[string]bool{}
		for _, v := range x.stored() {
			stored[v] = true
		}
		return len(stored) == len(x.sent)
	})
	x.sending.Wait()
}

// exact checks that everything is stored once, in order.
func (x *trial) exact() {
	x.t.Helper()
	if got := x.stored(); !slices.Equal(got, x.sent) {
		x.t.Errorf("stored %s\nsent   %s", got, x.sent)
	}
}

// What was stored before a stop is not stored again after it.
func testStop(x *trial) {
	for range 3 {
		x.start()
		x.send(20)
		x.all()
		x.stop(nil)
	}
	x.exact()
}

func testStopAtOnce(x *trial) {
	ctx, cancel := context.WithCancel(x.ctx)
	cancel()
	if err := x.run(ctx, x.open()); err != nil {
		x.t.Errorf("Run returned %v", err)
	}
}

// A full sink is back-pressure: the input waits, or its sender does.
func testFull(x *trial) {
	x.sink.Block()
	x.start()
	x.send(20)
	x.until("an append waits", func() bool { return x.sink.Waiting() > 0 })
	x.sink.Unblock()
	x.all()
	x.stop(nil)
	x.exact()
}

// A stop does not wait for room, and what was not appended is not acknowledged.
func testStopWhileFull(x *trial) {
	x.sink.Block()
	x.start()
	x.send(20)
	x.until("an append waits", func() bool { return x.sink.Waiting() > 0 })
	x.stop(nil)
	if n := x.acked.Load(); n > 0 || len(x.stored()) > 0 {
		x.t.Fatalf("%d values are acknowledged, stored are %s", n, x.stored())
	}
	x.sink.Unblock()
	if x.kind == Once { // nobody else has them
		if len(x.log.Lines("lost")) == 0 {
			x.t.Errorf("records are lost, and the log does not say so: %s", x.log.String())
		}
		return
	}
	x.start()
	x.all()
	x.stop(nil)
	x.exact()
}

// An error of Append means that nothing was stored.
func testRefusal(x *trial) {
	x.sink.Fail(errors.New("refused by the test"))
	x.start()
	x.send(20)
	x.until("appends are refused", func() bool { return x.sink.Refused() > 1 })
	x.sink.Fail(nil)
	x.all()
	x.stop(nil)
	x.exact()
}

// An append that was taken may still fail: its done is called with an error.
func testCrash(x *trial) {
	x.sink.Hold()
	x.start()
	x.send(20)
	x.until("an append is taken", func() bool { return x.sink.Pending() > 0 })
	x.sink.Crash()
	x.sink.Release()
	x.sink.Reopen()
	if x.kind == Acknowledged {
		x.all()
	}
	x.send(20) // an input that reads on offers first what failed
	x.all()
	x.stop(nil)
}

// A stop comes in the midst of sending, and what was appended becomes durable after it.
func testStopOnTheWay(x *trial) {
	x.start()
	x.send(20)
	x.all()
	x.sink.Hold()
	x.send(500)
	x.until("an append is taken", func() bool { return x.sink.Pending() > 0 })
	x.stop(x.sink.Release)
	if n := x.sink.Pending(); n > 0 {
		x.t.Fatalf("%d appends came after Run had returned", n)
	}
	if x.kind == Once {
		x.cancel() // what nobody took is lost
		return
	}
	x.start()
	x.all()
	x.stop(nil)
}
