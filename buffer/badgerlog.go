package buffer

import (
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// badgerLog passes on what Badger finds wrong.
// What it tries again and again it says again and again: that is passed on once a minute.
type badgerLog struct{ b *Buffer }

var _ badger.Logger = badgerLog{}

func (l badgerLog) Errorf(f string, args ...any) {
	if last := l.b.badgerSaid.Load(); time.Since(time.Unix(0, last)).Abs() < time.Minute ||
		!l.b.badgerSaid.CompareAndSwap(last, time.Now().UnixNano()) {
		return
	}
	l.b.log.Error("badger: "+fmt.Sprintf(f, args...), "dir", l.b.dir)
}
func (l badgerLog) Warningf(f string, args ...any) {
	l.b.log.Warn("badger: "+fmt.Sprintf(f, args...), "dir", l.b.dir)
}
func (badgerLog) Infof(string, ...any)  {}
func (badgerLog) Debugf(string, ...any) {}
