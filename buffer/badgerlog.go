package buffer

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// badgerLog passes on what Badger finds wrong. What it tries again and again it says again and
// again: that is passed on once a minute. It is for several goroutines.
type badgerLog struct {
	log        *slog.Logger
	dir        string
	lastLogged atomic.Int64 // when an error was passed on last, in Unix nanoseconds
}

var _ badger.Logger = (*badgerLog)(nil)

func (l *badgerLog) Errorf(f string, args ...any) {
	if last := l.lastLogged.Load(); time.Since(time.Unix(0, last)).Abs() < time.Minute ||
		!l.lastLogged.CompareAndSwap(last, time.Now().UnixNano()) {
		return
	}
	l.log.Error("badger: "+fmt.Sprintf(f, args...), "dir", l.dir)
}

func (l *badgerLog) Warningf(f string, args ...any) {
	l.log.Warn("badger: "+fmt.Sprintf(f, args...), "dir", l.dir)
}
func (*badgerLog) Infof(string, ...any)  {}
func (*badgerLog) Debugf(string, ...any) {}
