package forward

import (
	"context"
	"crypto/tls"
	"errors"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// server is one of the servers: its idle connections and its health. Safe for concurrent use.
type server struct {
	out  *Forward
	cfg  Server
	tls  *tls.Config   // nil for plain connections
	solo chan struct{} // held while sending when order depends on a single connection: without acks

	mu     sync.Mutex
	idle   []*link
	closed bool

	health
}

// health is what is known of a server. The monitor and all writers change it.
type health struct {
	hmu  sync.Mutex
	down bool
	// when down: of the first sign of life since the last failure; zero when there was none
	since   time.Time
	seen    time.Time // the last sign of life
	strikes int       // times that a chunk's failure made it down since it last took one
	flights map[*flight]struct{}
}

// flight is a chunk on its way.
type flight struct {
	begun time.Time
	end   context.CancelCauseFunc
}

var errSilent = errors.New("no sign of life for hard_timeout")

// take returns a connection to use: an idle one that seems to be open still, or a new one.
func (s *server) take(ctx context.Context) (l *link, kept bool, err error) {
	now := time.Now()
	for {
		s.mu.Lock()
		l = nil
		if n := len(s.idle); n > 0 {
			l = s.idle[n-1]
			s.idle = s.idle[:n-1]
		}
		s.mu.Unlock()
		if l == nil {
			l, err = s.dial(ctx)
			return l, false, err
		}
		if now.Sub(l.used) < s.out.cfg.KeepaliveTimeout && !s.aged(l, now) && l.isAlive() {
			return l, true, nil
		}
		l.close()
	}
}

func (s *server) aged(l *link, now time.Time) bool {
	return s.out.cfg.ReconnectAfter > 0 && now.Sub(l.opened) > s.out.cfg.ReconnectAfter
}

// give keeps a connection for the next chunk.
func (s *server) give(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !l.keepalive || s.aged(l, time.Now()) {
		l.close()
		return
	}
	s.idle = append(s.idle, l)
}

// expire closes idle connections that were not used for long.
func (s *server) expire(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.idle[:0]
	for _, l := range s.idle {
		if now.Sub(l.used) < s.out.cfg.KeepaliveTimeout && !s.aged(l, now) {
			kept = append(kept, l)
		} else {
			l.close()
		}
	}
	s.idle = kept
}

func (s *server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, l := range s.idle {
		l.close()
	}
	s.idle = nil
}

// write delivers b. A kept connection may turn out to be dead only in use; then the chunk goes out
// again on a new one, unless that took long and other servers can be tried.
func (s *server) write(ctx context.Context, b *record.Batch, chunk string) error {
	if !s.out.cfg.RequireAck {
		select {
		case s.solo <- struct{}{}:
			defer func() { <-s.solo }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	ctx, landed := s.fly(ctx)
	defer landed()
	l, kept, err := s.take(ctx)
	if err != nil {
		return err
	}
	err = l.send(ctx, s.out, b, chunk)
	if errors.Is(err, record.ErrCorrupt) { // found before anything was sent
		s.give(l)
		return err
	}
	if err != nil && kept && ctx.Err() == nil &&
		(len(s.out.servers) == 1 || !errors.Is(err, errTimedOut)) {
		l.close()
		s.out.metrics.resent.Inc()
		if l, err = s.dial(ctx); err != nil {
			return err
		}
		err = l.send(ctx, s.out, b, chunk)
	}
	if err != nil {
		l.close()
		return err
	}
	s.give(l)
	return nil
}

// failed notes a failure at now, and reports whether the server was up before.
func (h *health) failed() bool {
	h.hmu.Lock()
	defer h.hmu.Unlock()
	was := !h.down
	h.down, h.since = true, time.Time{}
	if was {
		h.strikes++
	}
	return was
}

// took notes that the server has taken a chunk.
func (h *health) took() {
	h.hmu.Lock()
	defer h.hmu.Unlock()
	h.strikes = 0
}

// mostDoubled bounds how often recover_wait is doubled.
const mostDoubled = 5

// sign notes a sign of life, and reports whether the server is up again with it. One that hangs, or
// whose buffer is full, answers heartbeats: it is used less and less until it takes a chunk.
func (h *health) sign(now time.Time, recoverWait time.Duration) (recovered bool) {
	h.hmu.Lock()
	defer h.hmu.Unlock()
	h.seen = now
	if !h.down {
		return false
	}
	if h.since.IsZero() {
		h.since = now
	}
	if now.Sub(h.since) < recoverWait<<min(max(h.strikes-1, 0), mostDoubled) {
		return false
	}
	h.down = false
	return true
}

// missed notes a heartbeat that got no answer, and reports whether the server is down with it. What
// has been on its way to a silent server for hardTimeout is given up: others may take it.
func (h *health) missed(now time.Time, hardTimeout time.Duration) (lost bool) {
	h.hmu.Lock()
	defer h.hmu.Unlock()
	h.since = time.Time{}
	if now.Sub(h.seen) < hardTimeout {
		return false
	}
	for f := range h.flights {
		if now.Sub(f.begun) >= hardTimeout {
			f.end(errSilent)
		}
	}
	lost = !h.down
	h.down = true
	return lost
}

// fly returns a context for a chunk's way to the server, which landed ends.
func (h *health) fly(ctx context.Context) (_ context.Context, landed func()) {
	ctx, end := context.WithCancelCause(ctx)
	f := &flight{time.Now(), end}
	h.hmu.Lock()
	defer h.hmu.Unlock()
	if h.flights == nil {
		h.flights = map[*flight]struct{}{}
	}
	h.flights[f] = struct{}{}
	return ctx, func() {
		h.hmu.Lock()
		defer h.hmu.Unlock()
		delete(h.flights, f)
		end(nil)
	}
}

func (h *health) isDown() bool {
	h.hmu.Lock()
	defer h.hmu.Unlock()
	return h.down
}

// lastSeen returns when the last sign of life was.
func (h *health) lastSeen() time.Time {
	h.hmu.Lock()
	defer h.hmu.Unlock()
	return h.seen
}
