package spool

import (
	"sync"
)

// budget is what all logs of one archiver share: memory, disk, and the turn of those that have to
// make a cut again.
type budget struct {
	maxMemory, maxDisk int64

	mu      sync.Mutex
	memory  int64
	disk    int64
	blocked bool // the disk refuses writes
	logs    map[*account]struct{}
	redo    *account // may go beyond the disk budget
}

// account is one log's share. Its numbers are guarded by the budget's mutex.
type account struct {
	b      *budget
	memory int64
	disk   int64 // of the cut that is being filled and of the one that is being archived
	// of the cut that is being filled, memory and disk: what a roll would set free
	open        int64
	isUploading bool          // an upload is under way: a roll has to wait
	signal      chan struct{} // capacity 1: space was freed, or this log is asked to roll
}

func newBudget(memory, disk int64) *budget {
	return &budget{maxMemory: memory, maxDisk: disk, logs: map[*account]struct{}{}}
}

func (b *budget) join() *account {
	a := &account{b: b, signal: make(chan struct{}, 1)}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.logs[a] = struct{}{}
	return a
}

// leave gives back all that the account holds.
func (a *account) leave() {
	b := a.b
	b.mu.Lock()
	defer b.mu.Unlock()
	b.memory -= a.memory
	b.disk -= a.disk
	a.memory, a.disk = 0, 0
	if b.redo == a {
		b.redo = nil
	}
	delete(b.logs, a)
	b.wake()
}

func (b *budget) wake() {
	for a := range b.logs {
		select {
		case a.signal <- struct{}{}:
		default:
		}
	}
}

// take adds to the account; negative numbers give back.
func (a *account) take(memory, disk int64) {
	b := a.b
	b.mu.Lock()
	defer b.mu.Unlock()
	a.memory += memory
	a.disk += disk
	b.memory += memory
	b.disk += disk
	if memory < 0 || disk < 0 {
		b.wake()
	}
}

// setOpen tells what a roll of the log would set free, and whether one is possible now.
func (a *account) setOpen(bytes int64, busy bool) {
	a.b.mu.Lock()
	defer a.b.mu.Unlock()
	a.open, a.isUploading = bytes, busy
}

// setBlocked notes whether the disk takes writes.
func (b *budget) setBlocked(blocked bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.blocked != blocked {
		b.blocked = blocked
		b.wake()
	}
}

// overMemory reports whether this log should move its records from memory to disk: the one that has
// the most, so that what is written of each path is as large as can be. Where that one does not
// ask, since nothing comes of it, all do that have half their share.
func (a *account) overMemory() bool {
	b := a.b
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.memory <= b.maxMemory:
		return false
	case b.memory > b.maxMemory+b.maxMemory/8:
		return a.memory*int64(len(b.logs)) >= b.maxMemory/2
	}
	for o := range b.logs {
		if o.memory > a.memory {
			return false
		}
	}
	return true
}

// admit reports whether the log may read on, and whether it should make a cut now to set space
// free. redo is true for a log that has to make a cut again, which cannot end early: one of these
// at a time goes beyond the budget, but not beyond a full disk.
//
// yield asks a redo to give up what it holds: the disk is full, and another redo is to get it.
func (a *account) admit(redo bool) (read, roll, yield bool) {
	b := a.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if redo && b.redo == nil {
		b.redo = a
	}
	if !redo && b.redo == a {
		b.redo = nil
		b.wake()
	}
	full := b.disk >= b.maxDisk || b.memory >= 2*b.maxMemory
	switch {
	case b.blocked:
		return false, !redo && a.largest(), redo && b.redo != a
	case !full:
		return true, false, false
	case redo:
		return b.redo == a, false, false
	}
	return false, a.largest(), false
}

func (b *budget) isBlocked() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.blocked
}

// largest reports whether no log that could roll now would set more free. The caller holds the
// mutex.
func (a *account) largest() bool {
	if a.isUploading || a.open == 0 {
		return false
	}
	for o := range a.b.logs {
		if !o.isUploading && o.open > a.open {
			return false
		}
	}
	return true
}
