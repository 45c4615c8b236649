package buffer

import (
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// badgerLog passes on what Badger finds wrong.
type badgerLog struct{ b *Buffer }

var _ badger.Logger = badgerLog{}

func (l badgerLog) Errorf(f string, args ...any) {
	l.b.log.Error("badger: "+fmt.Sprintf(f, args...), "dir", l.b.dir)
}
func (l badgerLog) Warningf(f string, args ...any) {
	l.b.log.Warn("badger: "+fmt.Sprintf(f, args...), "dir", l.b.dir)
}
func (badgerLog) Infof(string, ...any)  {}
func (badgerLog) Debugf(string, ...any) {}
