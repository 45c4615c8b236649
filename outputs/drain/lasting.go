package drain

import (
	"errors"
	"sync"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs/deliver"
	"github.com/penstock/penstock/outputs/overflow"
)

// lasting is what is known of a log besides its position, and what is under way of it. One Drain of
// the log leaves it to the next, which would else send again what the destination has, or is about
// to have.
type lasting struct {
	of sameLog

	// what the primary destination, or the standby, has of the log behind its position
	ahead deliver.Ahead

	// Overflow objects that were made of this log while something of it was ahead, or could come to
	// be: positions in others, of an earlier life of the log perhaps, say nothing about this one.
	ownMu sync.Mutex
	own   map[string]bool

	stragglersMu sync.Mutex
	stragglers   []chan struct{} // flights whose last writes may not have returned yet

	begun overflow.Begun
}

// sameLog is equal where the same positions are the same records, as the same filters leave them.
// The zero value equals none.
type sameLog struct {
	identity    any
	fingerprint string
}

func sameLogOf(log record.Log) (s sameLog) {
	if l, ok := record.As[record.Identifier](log); ok {
		s.identity = l.Identity()
	}
	if l, ok := record.As[record.Fingerprinter](log); ok {
		s.fingerprint = l.Fingerprint()
	}
	return s
}

// takeUp returns what the Drain before left of the log, if that is the same. Nobody else has it
// until it is left again.
func (d *Drainer) takeUp(log record.Log) *lasting {
	of := sameLogOf(log)
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.left[log.Name()]
	delete(d.left, log.Name())
	if l == nil || l.of != of {
		return &lasting{of: of}
	}
	return l
}

// leave keeps what is known of the log for the next Drain, in the place of what was kept under its
// name, unless there will be none. A log that cannot be told from others of its name, such as a
// partition that may have been written anew meanwhile, is not kept.
func (d *Drainer) leave(log record.Log, l *lasting, err error) {
	if l.of.identity == nil || err == nil || errors.Is(err, record.ErrFenced) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left[log.Name()] = l
}
