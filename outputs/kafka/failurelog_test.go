package kafka

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/kafka/producer"
	"github.com/penstock/penstock/outputs/outputtest"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kfake"
)

// An outage is told with the first try that fails, and not once a batch is given back, which the
// delivery timeout puts off for minutes. And it is over with the first batch that is taken.
func TestOutageIsToldAtOnce(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"at least once": func(*Config) {},
		"exactly once":  func(c *Config) { c.Delivery, c.DeliveryTimeout = ExactlyOnce, 30*time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(7)
			c := startCluster(t, n, kfake.SeedTopics(1, "logs"))
			cfg := testConfig(c)
			cfg.DeliveryTimeout, cfg.RequestTimeout = time.Hour, 10*time.Second
			change(&cfg)
			w, _ := newWriter(t, cfg)
			reg := prometheus.NewRegistry()
			env := outputs.Env{
				Name:    "output.kafka.events",
				Agent:   "edge-1",
				Log:     slog.New(slog.DiscardHandler),
				Metrics: reg,
				Dir:     t.TempDir(),
			}
			out, err := drain.NewAsyncOutput(
				w, outputs.DefaultCommon(), env, drain.Targets{DeadLetter: noLetters{}},
			)
			if err != nil {
				t.Fatal(err)
			}
			log := outputtest.NewMemLog("buffer")
			drained := make(chan error, 1)
			go func() { drained <- out.Drain(t.Context(), log.Owner()) }()
			await := func(what string, within time.Duration, ok func(drain.Status) bool) drain.Status {
				t.Helper()
				deadline := time.Now().Add(within)
				for {
					s := out.Status()
					if ok(s) {
						return s
					}
					if time.Now().After(deadline) {
						t.Fatalf("%s: not within %v: %+v", what, within, s)
					}
					<-time.After(10 * time.Millisecond)
				}
			}
			at := 0
			add := func() {
				log.Append(lines("o", at, 10, 100))
				at += 10
			}
			add()
			await(
				"delivered", 20*time.Second,
				func(s drain.Status) bool { return s.Logs != nil && s.Logs[0].Committed == 10 && !s.Failing },
			)
			n.set(true, 0)
			add()
			s := await("told", 5*time.Second, func(s drain.Status) bool { return s.Failing })
			if s.LastError == "" || s.Do == "" || time.Since(s.FailingSince) > 6*time.Second {
				t.Errorf("%+v", s)
			}
			if n, err := testutil.GatherAndCount(reg, "penstock_output_failing"); n != 1 ||
				err != nil {
				t.Errorf("%d metrics, %v", n, err)
			}
			n.set(false, 0)
			await(
				"over", 20*time.Second,
				func(s drain.Status) bool { return s.Logs[0].Committed == 20 && !s.Failing },
			)
			log.Seal()
			if err := <-drained; err != nil && err != io.EOF {
				t.Error(err)
			}
		})
	}
}

// An outage begins with its first failure, however often its batches are given back and tried anew.
func TestOutageBeginsWithItsFirstFailure(t *testing.T) {
	t.Parallel()
	n := newNetwork(7)
	c := startCluster(t, n, kfake.SeedTopics(1, "logs"))
	cfg := testConfig(c)
	cfg.DeliveryTimeout, cfg.RequestTimeout = time.Second, 200*time.Millisecond
	w, _ := newWriter(t, cfg)
	env, _ := testEnv()
	env.Dir = t.TempDir()
	common := outputs.DefaultCommon()
	common.Retry = outputs.Retry{Min: time.Millisecond, Max: 10 * time.Millisecond}
	out, err := drain.NewAsyncOutput(w, common, env, drain.Targets{DeadLetter: noLetters{}})
	if err != nil {
		t.Fatal(err)
	}
	log := outputtest.NewMemLog("buffer")
	go func() { _ = out.Drain(t.Context(), log.Owner()) }()
	await := func(what string, ok func(outputs.Failure) bool) outputs.Failure {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for {
			tr := w.Failure()
			if ok(tr) {
				return tr
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %+v", what, tr)
			}
			<-time.After(time.Millisecond)
		}
	}
	log.Append(lines("o", 0, 10, 100))
	await(
		"delivered",
		func(tr outputs.Failure) bool { return w.delivered.Load() > 0 && tr.Since.IsZero() },
	)
	n.set(true, 0)
	log.Append(lines("o", 10, 10, 100))
	first := await("told", func(tr outputs.Failure) bool { return !tr.Since.IsZero() })
	until := time.Now().Add(2500 * time.Millisecond) // several rounds of giving back
	await("given back", func(tr outputs.Failure) bool {
		if !tr.Since.IsZero() && !tr.Since.Equal(first.Since) {
			t.Fatalf("it began at %v, and now at %v", first.Since, tr.Since)
		}
		return time.Now().After(until)
	})
	n.set(false, 0)
	await("over", func(tr outputs.Failure) bool { return tr.Since.IsZero() })
	n.set(true, 0)
	log.Append(lines("o", 20, 10, 100))
	if second := await(
		"another", func(tr outputs.Failure) bool { return !tr.Since.IsZero() },
	); !second.Since.After(
		first.Since,
	) {
		t.Errorf("the second outage began with the first")
	}
}

// A broker that was never there is told, too.
func TestBrokerThatNeverWasIsToldAtOnce(t *testing.T) {
	t.Parallel()
	n := newNetwork(7)
	c := startCluster(t, n, kfake.SeedTopics(1, "logs"))
	cfg := testConfig(c)
	cfg.DeliveryTimeout = time.Hour
	n.set(true, 0)
	w, _ := newWriter(t, cfg)
	env, _ := testEnv()
	out, err := drain.NewAsyncOutput(
		w, outputs.DefaultCommon(), env, drain.Targets{DeadLetter: noLetters{}},
	)
	if err != nil {
		t.Fatal(err)
	}
	log := outputtest.NewMemLog("buffer")
	go func() { _ = out.Drain(t.Context(), log.Owner()) }()
	log.Append(lines("o", 0, 10, 100))
	deadline := time.Now().Add(5 * time.Second)
	for !out.Status().Failing {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", out.Status())
		}
		<-time.After(10 * time.Millisecond)
	}
}

// While no broker can be connected to, what fails of it later is the same outage, and the
// connection is why.
func TestAnOutageBeginsWithTheConnectionThatFailed(t *testing.T) {
	t.Parallel()
	var delivered time.Time
	tr := newFailureLog(slog.New(slog.DiscardHandler), func() time.Time { return delivered })
	refused := fmt.Errorf("unable to dial: %w", syscall.ECONNREFUSED)
	tr.unreachable(refused)
	first := tr.state(refused).Since
	tr.failed(producer.Key{Topic: "logs", Partition: -1}, io.ErrUnexpectedEOF)
	s := tr.state(refused)
	if first.IsZero() || !s.Since.Equal(first) || s.Error != refused.Error() ||
		!strings.Contains(s.Do, "runs and listens on this port") {
		t.Errorf("since %v, then %+v", first, s)
	}
	if s := tr.state(nil); !s.Since.After(first) {
		t.Errorf("a topic fails whose broker answers: since %v", s.Since)
	}
}

// What is given back and tried again is the same outage; what fails once something was delivered is
// another.
func TestGivingBackBeginsNoOutage(t *testing.T) {
	t.Parallel()
	var delivered time.Time
	tr := newFailureLog(slog.New(slog.DiscardHandler), func() time.Time { return delivered })
	k := producer.Key{Topic: "logs"}
	tr.failed(k, io.ErrUnexpectedEOF)
	first := tr.state(nil).Since
	for range 3 {
		tr.givenBack(k)
		tr.unreachable(io.EOF)
		if s := tr.state(io.EOF); !s.Since.Equal(first) {
			t.Fatalf("given back: since %v, not %v", s.Since, first)
		}
		tr.failed(k, io.ErrUnexpectedEOF)
		if s := tr.state(io.EOF); !s.Since.Equal(first) {
			t.Fatalf("tried again: since %v, not %v", s.Since, first)
		}
	}
	delivered = time.Now()
	tr.worked(k)
	if s := tr.state(nil); !s.Since.IsZero() {
		t.Fatalf("%+v", s)
	}
	tr.failed(k, io.ErrUnexpectedEOF)
	if s := tr.state(nil); !s.Since.After(first) {
		t.Fatalf("another outage: since %v", s.Since)
	}
}
