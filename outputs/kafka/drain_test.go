package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var errTest = errors.New("no dead letter expected")

type noLetters struct{}

func (noLetters) Keep(context.Context, []outputs.DeadRecord) error { return errTest }

// The whole way from a log to the topic under the drain loop, with outages longer than the delivery
// timeout: every record once, in order.
func TestDrainThroughOutages(t *testing.T) {
	t.Parallel()
	eachPath(t, func(t *testing.T, change func(*Config), path string) {
		n := newNetwork(7)
		c := startCluster(t, n, kfake.SeedTopics(3, "logs"))
		cfg := testConfig(c)
		cfg.DeliveryTimeout, cfg.RequestTimeout = time.Second, 300*time.Millisecond
		change(&cfg)
		w, _ := newWriter(t, cfg)
		env, common := outputtest.Env(t, "output.kafka.events"), fastRetries()
		out, err := drain.NewAsyncOutput(w, common, env, drain.Targets{DeadLetter: noLetters{}})
		if err != nil {
			t.Fatal(err)
		}
		log := outputtest.NewMemLog("buffer")
		want := map[string]int{}
		add := func(batches int) {
			for i := range batches {
				origin := fmt.Sprintf("o%d", i%6)
				b := lines(origin, want[origin], 200, 120)
				log.Append(b)
				want[origin] += 200
			}
		}
		add(60)
		drained := make(chan error, 1)
		go func() { drained <- out.Drain(t.Context(), log.Owner()) }()
		for range 2 {
			n.set(true, 0)
			add(40)
			tick := time.After(1800 * time.Millisecond)
			<-tick
			n.set(false, 0)
			add(20)
			<-time.After(300 * time.Millisecond)
		}
		log.Seal()
		select {
		case err := <-drained:
			if err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
		case <-time.After(60 * time.Second):
			t.Fatal("stuck")
		}
		total := 0
		for _, n := range want {
			total += n
		}
		recs := consume(t, c, "logs", total)
		t.Logf("%d records written, %d in the topic", total, len(recs))
		if pos, _ := log.Committed(); pos != int64(total) {
			t.Errorf("committed %d, want %d", pos, total)
		}
		seen := map[string]bool{}
		first := recs[:0]
		for _, r := range recs {
			if k := string(r.Value[:14]); !seen[k] {
				seen[k] = true
				first = append(first, r)
			}
		}
		checkOrder(t, first, want)
		if len(recs) != total {
			t.Errorf(
				"%d records twice: what was sent and not answered must be recognised",
				len(recs)-total,
			)
		}
	})
}

// Small batches are put together, each time otherwise. What went out and was not answered must be
// recognised all the same, after an outage that is longer than the delivery timeout.
func TestSmallBatchesInDoubtAreNotRepeated(t *testing.T) {
	t.Parallel()
	n := newNetwork(7)
	c := startCluster(t, n, kfake.SeedTopics(1, "logs"))
	cfg := testConfig(c)
	cfg.DeliveryTimeout, cfg.RequestTimeout = time.Second, 300*time.Millisecond
	w, _ := newWriter(t, cfg)
	env, common := outputtest.Env(t, "output.kafka.events"), fastRetries()
	out, err := drain.NewAsyncOutput(w, common, env, drain.Targets{DeadLetter: noLetters{}})
	if err != nil {
		t.Fatal(err)
	}
	log := outputtest.NewMemLog("buffer")
	total := 0
	add := func(batches int) {
		for range batches {
			log.Append(lines("o", total, 7, 100))
			total += 7
		}
	}
	add(50)
	drained := make(chan error, 1)
	go func() { drained <- out.Drain(t.Context(), log.Owner()) }()
	for end := time.Now().Add(20 * time.Second); ; <-time.After(time.Millisecond) {
		if pos, _ := log.Committed(); pos == int64(total) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("stuck")
		}
	}
	n.set(false, 1) // what is sent arrives, and no answer comes
	for range 20 {
		add(1)
		<-time.After(15 * time.Millisecond)
	}
	<-time.After(1500 * time.Millisecond)
	n.set(false, 0)
	add(50)
	log.Seal()
	select {
	case err := <-drained:
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("stuck")
	}
	recs := consume(t, c, "logs", total)
	if len(recs) != total {
		t.Errorf("%d records were repeated", len(recs)-total)
	}
	checkOrder(t, recs, map[string]int{"o": total})
}

// An output is paused while nothing is answered, and resumed: the producer stays with what it has
// sent, and the next Drain does not send that beside it.
func TestPauseWhileAnswersAreLost(t *testing.T) {
	t.Parallel()
	for what, isTaken := range map[string]bool{"taken": true, "not taken": false} {
		t.Run(what, func(t *testing.T) {
			n := newNetwork(3)
			c := startCluster(t, n, kfake.SeedTopics(3, "logs"))
			r := newExactRig(t, c)
			r.change = func(cfg *Config) { cfg.Delivery, cfg.CommitInterval = "at_least_once", 0 }
			out := r.output()
			stop, _ := r.drain(out)
			r.add(10, 50)
			r.until("a commit", func() bool { pos, _ := r.log.Committed(); return pos == 500 })
			var lost atomic.Int32
			var answers atomic.Bool
			if isTaken {
				n.set(false, 1)
			}
			c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				if answers.Load() {
					return nil, nil, false
				}
				lost.Add(1)
				return nil, errors.New("lost"), !isTaken
			})
			r.add(20, 50)
			r.until("loss", func() bool { return lost.Load() > 0 && out.Status().Failing })
			stop()
			answers.Store(true)
			n.set(false, 0)
			_, wait := r.drain(out)
			r.log.Seal()
			if err := wait(); err != nil {
				t.Fatal(err)
			}
			recs := consume(t, c, "logs", r.total())
			if len(recs) != r.total() {
				t.Errorf("%d records were repeated", len(recs)-r.total())
			}
			checkOrder(t, recs, r.want)
		})
	}
}
