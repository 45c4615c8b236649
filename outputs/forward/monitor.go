package forward

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// watch starts the monitors: one goroutine per server, so that one that hangs delays no other's
// heartbeat.
func (f *Forward) watch() {
	f.begin.Do(func() {
		for _, s := range f.servers {
			f.wg.Go(func() { f.monitor(s) })
		}
	})
}

// monitor watches s until Close: it sends heartbeats while there is no other sign of life, and
// tends the idle connections.
func (f *Forward) monitor(s *server) {
	tick := time.NewTicker(f.cfg.HeartbeatInterval)
	defer tick.Stop()
	for {
		select {
		case <-f.ctx.Done():
			return
		case now := <-tick.C:
			s.expire(now)
			f.beat(s, now)
		}
	}
}

func (f *Forward) beat(s *server, now time.Time) {
	if f.cfg.Heartbeat == "none" {
		if s.isDown() { // nobody asks: it may try again when the time is over
			f.onSuccess(s)
		}
		return
	}
	if !s.isDown() && now.Sub(s.lastSeen()) < f.cfg.HeartbeatInterval {
		return
	}
	var err error
	if f.cfg.Heartbeat == "udp" && !strings.HasPrefix(s.cfg.Address, "unix:") {
		err = s.ping(f.ctx)
	} else {
		var l *link
		if l, err = s.dial(f.ctx); err == nil {
			l.close()
		}
	}
	switch {
	case f.ctx.Err() != nil:
	case err == nil:
		f.onSuccess(s)
	case s.missed(time.Now(), f.cfg.HardTimeout):
		f.onDown(s, fmt.Errorf("no sign of life for hard_timeout: %w", err))
	}
}

// ping sends a UDP heartbeat and waits for its echo.
func (s *server) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.out.cfg.ConnectTimeout)
	defer cancel()
	nc, err := s.out.dialer.DialContext(ctx, "udp", strings.TrimPrefix(s.cfg.Address, "tcp://"))
	if err != nil {
		return err
	}
	defer nc.Close()
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := nc.Write([]byte{0}); err != nil {
		return err
	}
	var b [16]byte
	n, err := nc.Read(b[:])
	if err == nil && (n != 1 || b[0] != 0) {
		err = errors.New("the heartbeat's echo is something else")
	}
	return err
}
