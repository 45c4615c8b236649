package kafkaclient

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const first, second = "localhost:9001", "localhost:9002"

// between lies between clients and the brokers first and second, and holds up what brokers say.
type between struct {
	kfake.VirtualNetwork
	*testing.T
	cluster *kfake.Cluster
	answers *Answers
	log     bytes.Buffer
	dials   atomic.Int64

	mu      sync.Mutex
	swallow map[string]chan struct{} // closed when the broker is heard again
	hang    bool                     // nor is there an answer to a connection
	refuse  bool
	end     func()
}

// dialFor is how long a connection is waited for.
const dialFor = 10 * time.Second

func (n *between) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.dials.Add(1)
	n.mu.Lock()
	hang, refuse := n.hang, n.refuse
	n.mu.Unlock()
	switch {
	case refuse:
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	case hang:
		ctx, cancel := context.WithTimeout(ctx, dialFor)
		defer cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	broker, err := n.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	client, proxy := net.Pipe()
	go func() {
		defer broker.Close()
		io.Copy(broker, proxy)
	}()
	go func() {
		defer proxy.Close()
		buf := make([]byte, 64<<10)
		for {
			k, err := broker.Read(buf)
			if err != nil {
				return
			}
			n.mu.Lock()
			gate := n.swallow[address]
			n.mu.Unlock()
			if gate != nil {
				<-gate
			}
			if _, err := proxy.Write(buf[:k]); err != nil {
				return
			}
		}
	}()
	return client, nil
}

// silence has brokers say nothing until the function it returns is called.
func (n *between) silence(brokers ...string) (end func()) {
	gate := make(chan struct{})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.swallow = map[string]chan struct{}{}
	for _, b := range brokers {
		n.swallow[b] = gate
	}
	n.end = sync.OnceFunc(func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.swallow = nil
		close(gate)
	})
	return n.end
}

func (n *between) client(brokers []string, opts ...kgo.Opt) *kgo.Client {
	n.Helper()
	c := DefaultConfig()
	c.Brokers = brokers
	log := slog.New(slog.NewTextHandler(&n.log, nil))
	base, answers, err := c.Watched("edge-1", log, prometheus.NewRegistry())
	if err != nil {
		n.Fatal(err)
	}
	answers.dial, n.answers = n.dial, answers
	cl, err := kgo.NewClient(append(base, append(opts, kgo.WithLogger(nil))...)...)
	if err != nil {
		n.Fatal(err)
	}
	return cl
}

// live runs a test with two brokers and a clock of its own.
func live(t *testing.T, do func(*between)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &between{T: t, end: func() {}}
		n.cluster = kfake.MustCluster(
			kfake.Ports(9001, 9002), kfake.ListenFn(n.Listen), kfake.SeedTopics(2, "logs"),
		)
		defer n.cluster.Close()
		defer func() { n.end() }()
		for p, broker := range []int32{0, 1} {
			if err := n.cluster.MoveTopicPartition("logs", int32(p), broker); err != nil {
				t.Fatal(err)
			}
		}
		do(n)
		synctest.Wait()
	})
}

// told returns how long it takes until want holds of what is known of silence.
func (n *between) told(within time.Duration, want func(Silence) bool) time.Duration {
	n.Helper()
	began := time.Now()
	for time.Since(began) < within {
		if want(n.answers.Silence()) {
			return time.Since(began)
		}
		time.Sleep(10 * time.Millisecond)
	}
	n.Fatalf("not within %v: %+v", within, n.answers.Silence())
	return 0
}

func isSilent(s Silence) bool { return !s.Since.IsZero() }
func isHeard(s Silence) bool  { return s.Since.IsZero() }

func (n *between) never(d time.Duration) {
	n.Helper()
	for began := time.Now(); time.Since(began) < d; time.Sleep(10 * time.Millisecond) {
		if s := n.answers.Silence(); isSilent(s) {
			n.Fatalf("after %v: %+v", time.Since(began), s)
		}
	}
}

func work(ctx context.Context, cl *kgo.Client) (wait func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			cl.PollFetches(ctx)
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// Brokers that all take what they are sent and say nothing are told of within five seconds, with a
// line of the log, and so is that they answer again.
func TestSilentBrokersAreToldOfSoon(t *testing.T) {
	live(t, func(n *between) {
		cl := n.client([]string{first, second}, kgo.ConsumeTopics("logs"),
			kgo.FetchMaxWait(100*time.Millisecond))
		defer cl.Close()
		defer work(n.Context(), cl)()
		n.never(time.Minute)
		if strings.Contains(n.log.String(), "answer") {
			n.Errorf("while all is well: %s", &n.log)
		}
		began, end := time.Now(), n.silence(first, second)
		n.told(5*time.Second, func(s Silence) bool {
			return s.AllOfThem && strings.Contains(s.Why, first) && strings.Contains(s.Why, second)
		})
		for since := time.Now(); time.Since(since) < 2*time.Minute; time.Sleep(time.Second) {
			if s := n.answers.Silence(); s.Since.Sub(began).Abs() > time.Second || !s.AllOfThem {
				n.Fatalf("after %v: %+v", time.Since(began), s)
			}
		}
		if got := strings.Count(n.log.String(), "a broker does not answer"); got != 2 {
			n.Errorf("told %d times: %s", got, &n.log)
		}
		end()
		if n.told(time.Minute, isHeard); strings.Count(n.log.String(), "answers again") != 2 {
			n.Errorf("%s", &n.log)
		}
		n.never(time.Minute)
	})
}

// Where connections are neither taken nor refused, as behind a firewall, that is silence, too, from
// the start on; a refusal is none.
func TestConnectionsThatHangAreToldOf(t *testing.T) {
	live(t, func(n *between) {
		n.hang = true
		cl := n.client([]string{first})
		defer cl.Close()
		ctx, cancel := context.WithCancel(n.Context())
		var asking sync.WaitGroup
		defer asking.Wait()
		defer cancel()
		asking.Go(func() {
			for ctx.Err() == nil {
				cl.Ping(ctx)
				time.Sleep(time.Second)
			}
		})
		n.told(5*time.Second, func(s Silence) bool {
			return s.AllOfThem && strings.Contains(s.Do, "firewalls")
		})
		time.Sleep(5 * time.Second) // while one attempt follows another
		for since := time.Now(); time.Since(since) < time.Minute; time.Sleep(100 * time.Millisecond) {
			if isHeard(n.answers.Silence()) {
				n.Fatal("it is as if it had answered")
			}
		}
		n.mu.Lock()
		n.hang, n.refuse = false, true
		n.mu.Unlock()
		n.told(2*dialFor, isHeard)
		n.never(time.Minute)
	})
}

// One broker that is silent is told of while records wait for it, as a part.
func TestOneOfTwoBrokersIsSilent(t *testing.T) {
	live(t, func(n *between) {
		cl := n.client([]string{first, second}, kgo.ConsumeTopics("logs"),
			kgo.FetchMaxWait(100*time.Millisecond))
		defer cl.Close()
		defer work(n.Context(), cl)()
		n.never(10 * time.Second)
		n.silence(second)
		n.told(5*time.Second, func(s Silence) bool {
			return isSilent(s) && !s.AllOfThem && !strings.Contains(s.Why, first)
		})
		for since := time.Now(); time.Since(since) < time.Minute; time.Sleep(100 * time.Millisecond) {
			if s := n.answers.Silence(); isHeard(s) || s.AllOfThem {
				n.Fatalf("%+v", s)
			}
		}
		if err := n.cluster.MoveTopicPartition("logs", 1, 0); err != nil {
			n.Fatal(err)
		}
		n.told(time.Minute, isHeard)
		n.never(time.Minute)
	})
}

// What may rightly wait is no silence, and brokers that answer nothing else are not asked whether
// they are there without end.
func TestRequestsMayWait(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.Fetch} {
		live(t, func(n *between) {
			const held = 2 * time.Minute
			var asked atomic.Int64
			n.cluster.ControlKey(int16(kmsg.ApiVersions), func(
				kmsg.Request,
			) (kmsg.Response, error, bool) {
				n.cluster.KeepControl()
				asked.Add(1)
				return nil, nil, false
			})
			n.cluster.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
				n.cluster.KeepControl()
				n.cluster.SleepControl(func() { time.Sleep(held) })
				return nil, errors.New("too late"), true
			})
			opts := []kgo.Opt{
				kgo.RequestTimeoutOverhead(2 * held), kgo.DefaultProduceTopic("logs"),
			}
			if key == kmsg.Fetch {
				opts = append(opts, kgo.ConsumeTopics("logs"))
			}
			defer time.Sleep(held) // until the cluster is done
			cl := n.client([]string{first, second}, opts...)
			defer cl.Close()
			stop := work(n.Context(), cl)
			defer stop()
			if key == kmsg.Produce {
				cl.Produce(n.Context(), kgo.StringRecord("a"), func(*kgo.Record, error) {})
			}
			n.never(held - 10*time.Second)
			if k := asked.Load(); k > 2*int64(held/longestPause)+20 {
				n.Errorf("%v: asked %d times", key, k)
			}
			if k := n.dials.Load(); k > 12 {
				n.Errorf("%v: %d connections", key, k)
			}
		})
	}
}

// A broker that answers what it was asked is there, even if it takes no further connections.
func TestAnswersAreEnough(t *testing.T) {
	live(t, func(n *between) {
		cl := n.client([]string{first, second}, kgo.ConsumeTopics("logs"),
			kgo.FetchMaxWait(suspectAfter+silentAfter/2))
		defer cl.Close()
		defer work(n.Context(), cl)()
		n.never(suspectAfter / 2) // it has its connections
		n.mu.Lock()
		n.hang = true
		n.mu.Unlock()
		n.never(5 * time.Minute)
		if strings.Contains(n.log.String(), "does not answer") {
			n.Error(n.log.String())
		}
	})
}

// Nobody looks where nothing is asked for, and no more than every second or two where something is.
func TestLooksAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		hang := func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		a := newAnswers(hang, "test", slog.New(slog.DiscardHandler))
		next := func(want time.Duration) {
			t.Helper()
			if got := a.look(ctx, &running); got.Round(10*time.Millisecond) != want {
				t.Errorf("looks again after %v, not %v", got, want)
			}
			time.Sleep(want)
			synctest.Wait()
		}
		next(0)
		a.sent(first, true)
		a.ended(first, true, true)
		next(suspectAfter) // it has answered
		a.sent(first, true)
		next(suspectAfter)
		next(silentAfter) // it is asked
		a.ended(first, true, true)
		next(suspectAfter) // it was heard of, though the question is open
		a.sent(first, true)
		next(suspectAfter)
		if s := a.Silence(); !s.Since.IsZero() {
			t.Errorf("told as silent: %v", s)
		}
	})
}
