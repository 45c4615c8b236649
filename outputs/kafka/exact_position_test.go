package kafka

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// forget makes the brokers lose what a group has committed.
func (r *exactRig) forget(group string) {
	r.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.c.ListenAddrs()...))
	if err != nil {
		r.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).DeleteGroup(r.Context(), group); err != nil {
		r.Fatal(err)
	}
}

const positionGone = "no longer has the position"

// Where the group's position is gone, what the log itself knows to be delivered is not delivered
// again, and it is said. A start at which it is there says nothing.
func TestExactlyOncePositionIsGone(t *testing.T) {
	t.Parallel()
	r := newExactRig(t, startCluster(t, nil, kfake.SeedTopics(3, "logs")))
	for range 3 {
		r.add(10, 100)
		stop, _ := r.drain(r.output())
		r.until(
			"a commit", func() bool { pos, _ := r.log.Committed(); return pos == int64(r.total()) },
		)
		stop()
	}
	if text := r.logs.String(); strings.Contains(text, positionGone) {
		t.Errorf("it misses what is there\n%s", text)
	}
	r.forget("penstock.edge-1.buffer")
	r.add(10, 100)
	r.log.Seal()
	out := r.output()
	_, wait := r.drain(out)
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	r.check()
	if n := strings.Count(r.logs.String(), positionGone); n != 1 {
		t.Errorf("said %d times\n%s", n, r.logs.String())
	}
	if n := counter(t, r.reg, "penstock_output_positions_lost_total", nil); n != 1 {
		t.Errorf("%v positions are counted as lost", n)
	}
}

// Where the position of a replay is gone, what had been replayed of an object by the last stop is
// not replayed again.
func TestExactlyOnceReplayPositionIsGone(t *testing.T) {
	t.Parallel()
	n := newNetwork(9)
	c := startCluster(t, n, kfake.SeedTopics(3, "logs"))
	r := newExactRig(t, c)
	store := r.overflow("oldest_first")
	stop, _ := r.drain(r.output())
	r.until("the first commit", func() bool { pos, _ := r.position(); return pos == 0 })
	n.set(true, 0)
	r.add(40, 50)
	r.untilMoved()
	tried := make(chan struct{}, 1000)
	store.SetFault(func(op, key string) outputtest.StoreFault {
		if op == "delete" && strings.HasSuffix(key, ".ndjson.zst") {
			tried <- struct{}{}
			return outputtest.StoreFails
		}
		return outputtest.StoreWorks
	})
	n.set(false, 0)
	<-tried // an object is delivered, and still there
	stop()
	store.SetFault(nil)
	r.forget("penstock.replay.overflow/edge-1/output.kafka.events/log=buffer/")
	stop, wait := r.drain(r.output())
	r.untilDelivered(store)
	r.log.Seal()
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	stop()
	r.check()
	if n := strings.Count(r.logs.String(), positionGone); n != 1 {
		t.Errorf("said %d times\n%s", n, r.logs.String())
	}
}

// A transaction that holds nothing but a position can be committed while batches come in, which go
// into the next.
func TestSessionCommitsAnEmptyTransaction(t *testing.T) {
	t.Parallel()
	c := startCluster(t, nil, kfake.SeedTopics(1, "logs"))
	r := newExactRig(t, c)
	cfg := testConfig(c)
	cfg.Delivery = ExactlyOnce
	w, _ := newWriter(t, cfg)
	session, err := w.Session("penstock.edge-1.buffer")
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, _, err := session.Resolve(ctx); err != nil {
		t.Fatal(err)
	}
	start := func(i int) chan error {
		done := make(chan error, 1)
		b := lines("o0", i*10, 10, 100)
		b.At(int64(i * 10))
		session.Start(ctx, b, func(err error) { done <- err })
		r.want["o0"] += 10
		return done
	}
	// The topic is known from here on.
	if err := <-start(0); err != nil {
		t.Fatal(err)
	}
	if err := session.Commit(ctx, outputs.Position{At: session.Cut(false), Log: "x"}); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 5; i++ {
		if end := session.Cut(true); end != 0 {
			t.Fatalf("Cut: %d", end)
		}
		done := start(i)
		select {
		case err := <-done:
			t.Fatalf("a batch went out with the transaction before it: %v", err)
		case <-time.After(100 * time.Millisecond): // it would be there by now
		}
		if err := session.Commit(ctx, outputs.Position{At: int64(i * 10), Log: "x"}); err != nil {
			t.Fatal(err)
		}
		if pos, _ := r.position(); pos != int64(i*10) {
			t.Errorf("Kafka holds %d, want %d", pos, i*10)
		}
		end := session.Cut(false)
		if err := <-done; err != nil || end != int64(i+1)*10 {
			t.Fatal(end, err)
		}
		r.committed(i * 10)
		if err := session.Commit(ctx, outputs.Position{At: end, Log: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	r.check()
}
