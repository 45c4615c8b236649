package kafkaclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// repeatAfter is how often the same message of the library is logged while it goes on.
const repeatAfter = time.Minute

// logger gives franz-go's log to slog, one level lower: what franz-go tells about is detail here,
// and the components report failures themselves. What it says at each attempt is logged at
// intervals.
type logger struct {
	log *slog.Logger

	mu         sync.Mutex
	lastLogged map[string]*lastSaid // by message: franz-go's are constants
}

type lastSaid struct {
	last   time.Time
	silent int
}

func newLogger(log *slog.Logger) *logger {
	return &logger{log: log, lastLogged: map[string]*lastSaid{}}
}

func (l *logger) Level() kgo.LogLevel {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelError
}

func (l *logger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	to := slog.LevelDebug
	if level == kgo.LogLevelError {
		to = slog.LevelWarn
		silent, due := l.due(msg, time.Now())
		if !due {
			return
		}
		if silent > 0 {
			keyvals = append(keyvals, "not_logged", silent)
		}
	}
	l.log.Log(context.Background(), to, msg, append(keyvals, "library", "franz-go")...)
}

// due reports whether msg is to be logged now, and how often it was not since it was logged last.
func (l *logger) due(msg string, now time.Time) (silent int, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.lastLogged[msg]
	if s == nil {
		s = &lastSaid{last: now.Add(-repeatAfter)}
		l.lastLogged[msg] = s
	}
	if now.Sub(s.last) < repeatAfter {
		s.silent++
		return 0, false
	}
	silent, s.last, s.silent = s.silent, now, 0
	return silent, true
}

// Reach is a kgo.Hook that remembers why no broker could be connected to, which franz-go does not
// tell while it tries again. Safe for concurrent use.
type Reach struct {
	OnFailure func(error) // called with each failure, if set before the client is made

	tls, sasl bool

	mu  sync.Mutex
	err error
}

// NewReach returns a hook for a client made of c's Options.
func (c *Config) NewReach() *Reach { return &Reach{tls: c.TLS != nil, sasl: c.SASL != nil} }

// Err returns why the last connection could not be opened, authentication included; nil if it
// could.
func (r *Reach) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (r *Reach) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, conn net.Conn, err error) {
	switch {
	case errors.Is(err, kgo.ErrClientClosed) || errors.Is(err, context.Canceled):
		return
	case err != nil && conn == nil && r.tls && errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%w: is TLS spoken on this port?", err)
	case err != nil && conn != nil && r.sasl && errors.Is(err, io.EOF):
		err = fmt.Errorf(
			"%w: the broker hung up, as it does when it does not accept the SASL mechanism, user or password",
			err,
		)
	}
	if err != nil && r.OnFailure != nil {
		r.OnFailure(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}
