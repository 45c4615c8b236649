package buffer

import (
	"errors"
	"math"
	"time"
)

// Fill returns the share of the buffer in use: 1 and above is full.
func (b *Buffer) Fill() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.space.fill(b.taken())
}

// End returns the position after the last record in the log.
func (b *Buffer) End() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.end
}

// Placed returns the position after the last record that was accepted, in the log or on its way.
func (b *Buffer) Placed() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.assigned
}

// Passed reports whether every cursor has come to pos, durably, and those of the names given are
// among them. It fails once records did not read back: what passes those has not delivered them.
func (b *Buffer) Passed(pos int64, cursors ...string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if counted(b.m.damagedRecords) > 0 {
		return false, errors.New("records of the buffer did not read back")
	}
	for _, name := range cursors {
		if _, ok := b.state.cursors[name]; !ok {
			return false, nil
		}
	}
	return len(b.state.cursors) > 0 && b.state.minCursor(pos) >= pos, nil
}

// Room returns how many bytes may be added before the buffer is full or the disk's floor is
// reached.
func (b *Buffer) Room() int64 {
	room := int64(math.MaxInt64)
	if free, err := freeSpace(b.dir.path); err == nil {
		room = free - b.opt.MinFree
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if room = max(room, 0); room < math.MaxInt64-b.space.ahead {
		room += b.space.ahead
	}
	if b.space.limit > 0 {
		room = min(room, b.space.limit-b.taken())
	}
	return max(room, 0)
}

// Stats describes a buffer at one moment.
type Stats struct {
	Bytes      int64 // disk in use
	Segments   int
	First      int64 // position of the oldest record kept
	End        int64 // position after the newest
	OldestAge  time.Duration
	Fill       float64
	Blocked    bool          // an append waits for room
	BlockedFor time.Duration // time with an append that waited for room, since the start
	LowSpace   bool          // the free-space floor was reached, or a segment cannot be begun
	WriteError string        // why nothing can be written; "" while it can
	Sealed     bool
	Cursors    []CursorInfo
	Waiting    int64 // records that some cursor has not passed
	Dropped    int64 // records dropped undelivered since the start
	Damaged    int64 // records that did not read back since the start
	// bytes of a record on disk, of those stored since the start; 0 if there are none
	PerRecord float64

	// Of spill mode.
	Spill       bool // it is on
	Memory      bool // what can be read again stays in memory for now
	WindowBytes int64
	WindowFill  float64
	LastSpill   LastSpill // zero At: none yet
}

// Stats returns the buffer's condition.
func (b *Buffer) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.recovered {
		return Stats{}
	}
	why := ""
	if b.space.writeErr != nil {
		why = b.space.writeErr.Error()
	}
	return Stats{
		WriteError: why,
		Bytes:      b.chain.used,
		Segments:   len(b.chain.segs),
		First:      b.chain.first(b.end),
		End:        b.end,
		OldestAge:  b.oldestLocked(),
		Fill:       b.space.fill(b.taken()),
		Blocked:    b.space.blocked > 0,
		BlockedFor: b.space.blockedFor(),
		LowSpace:   b.space.low,
		Sealed:     b.sealed,
		Cursors:    b.cursorsLocked(),
		Waiting:    b.lagLocked(b.state.minCursor(b.end)),
		Dropped:    counted(b.m.droppedRecords),
		Damaged:    counted(b.m.damagedRecords),
		PerRecord: float64(
			counted(b.m.storedBytes),
		) / float64(
			max(counted(b.m.appendedRecords), 1),
		),
		Spill:       b.opt.Spill,
		Memory:      b.window.open,
		WindowBytes: b.window.bytes,
		WindowFill:  float64(b.window.bytes) / float64(b.window.max),
		LastSpill:   b.window.last,
	}
}

// oldestLocked returns the age of the oldest record that some cursor has not passed; that of its
// segment while nobody has read it since the start.
func (b *Buffer) oldestLocked() time.Duration {
	return b.ageLocked(b.state.minCursor(math.MaxInt64))
}

func (b *Buffer) ageLocked(pos int64) time.Duration {
	pos = max(pos, b.chain.first(b.end))
	if pos >= b.end {
		return 0
	}
	ms := b.recent.appended.at(pos)
	if ms == 0 {
		if i := b.chain.find(pos); i < len(b.chain.segs) {
			ms = b.chain.segs[i].appended
		}
	}
	if ms == 0 {
		return 0
	}
	return max(time.Since(time.UnixMilli(ms)), 0)
}
