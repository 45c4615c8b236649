package kafka

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/twmb/franz-go/pkg/kfake"
)

// hush is a listener for kfake whose connections say nothing once it is told so.
type hush struct {
	mu     sync.Mutex
	silent chan struct{} // not nil: closed when they speak again
}

func (h *hush) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	return &hushedListener{l, h}, err
}

func (h *hush) fall() (end func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	gate := make(chan struct{})
	h.silent = gate
	return sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.silent = nil
		close(gate)
	})
}

type hushedListener struct {
	net.Listener
	h *hush
}

func (l *hushedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &hushedConn{c, l.h}, nil
}

type hushedConn struct {
	net.Conn
	h *hush
}

func (c *hushedConn) Write(p []byte) (int, error) {
	c.h.mu.Lock()
	silent := c.h.silent
	c.h.mu.Unlock()
	if silent != nil {
		<-silent
	}
	return c.Conn.Write(p)
}

// failures counts requests that were not answered.
func (m *member) failures() int {
	m.in.answers.mu.Lock()
	defer m.in.answers.mu.Unlock()
	return m.in.answers.times
}

// An input whose brokers fall silent says so within five seconds, and is stopped without waiting
// for their answers, while a commit is under way and once connections are set up anew.
func TestSilentBrokersAreToldAndHoldUpNoStop(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprint("again=", again), func(t *testing.T) {
			t.Parallel()
			h := &hush{}
			c := startCluster(t, kfake.SeedTopics(1, "logs"), kfake.ListenFn(h.listen))
			cfg := testConfig(c)
			cfg.RequestTimeout, cfg.SessionTimeout = 8*time.Second, 30*time.Second
			m := join(t, cfg)
			l := m.log("logs/0")
			if f := m.in.Failing(); !f.Since.IsZero() {
				t.Errorf("while all is well: %+v", f)
			}
			end, fell := h.fall(), time.Now()
			defer end()
			runtest.Until(t, "it is told", func() bool { return !m.in.Failing().Since.IsZero() })
			if took := time.Since(fell); took > 5*time.Second {
				t.Errorf("it is told after %v", took)
			}
			runtest.Until(t, "requests to time out", func() bool {
				return !again || m.failures() > 1
			})
			ctx, cancel := context.WithCancel(t.Context())
			committed := make(chan error)
			go func() { committed <- l.Commit(ctx, 0, "a") }()
			asked := time.Now()
			cancel()
			if err := <-committed; err == nil {
				t.Error("it is committed")
			}
			m.cancel()
			<-m.over
			if took := time.Since(asked); took > 2*time.Second {
				t.Errorf("it stopped after %v", took)
			}
		})
	}
}
