package buffer

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
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

// tableName is the file to which Badger writes its memtable when a database is closed. It exists,
// empty, from the beginning.
const tableName = "000001.sst"

// headLog is the log of a database. Nobody reads its tables, and they would be written through a
// memory map, for which the disk may have no room. Since the table's file exists Badger cannot make
// it, says so, and would try for ever. The goroutine in which it says so does nothing else: it ends
// here, and Badger goes on closing.
//
// The map of the write-ahead log is then left behind (head.closeDatabase), and the descriptor of
// that file until the next garbage collection.
type headLog struct{ badger.Logger }

// Errorf does not return to Badger's flush of a memtable.
func (l headLog) Errorf(f string, args ...any) {
	if strings.HasPrefix(f, "error flushing memtable") {
		runtime.Goexit()
	}
	if l.Logger != nil {
		l.Logger.Errorf(f, args...)
	}
}
