package outputtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/penstock/penstock/buffer/record"
)

// MemLog is a record.Log in memory. Its committed state outlives owners: Owner returns a new one
// and fences the last, as a restart of the agent or a rebalance does. Safe for concurrent use.
type MemLog struct {
	name string

	mu      sync.Mutex
	grown   chan struct{}
	batches []*record.Batch
	end     int64
	trimmed int64
	sealed  bool
	pos     int64
	note    string
	epoch   int
	fill    float64
	fault   func(pos int64, note string) CommitFault
	commits int
}

// CommitFault is what goes wrong with a commit.
type CommitFault int

const (
	CommitWorks   CommitFault = iota
	CommitFails               // not applied, and an error
	CommitUnknown             // applied, and an error
)

// NewMemLog returns an empty log.
func NewMemLog(name string) *MemLog { return &MemLog{name: name, grown: make(chan struct{})} }

// Append places batches at the end of the log.
func (l *MemLog) Append(batches ...*record.Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range batches {
		b.At(l.end)
		l.end = b.End
		l.batches = append(l.batches, b)
	}
	l.wake()
}

// AppendGap appends a batch without records that stands for n positions, as a filter leaves.
func (l *MemLog) AppendGap(b *record.Batch, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b.First, b.End = l.end, l.end+n
	l.end = b.End
	l.batches = append(l.batches, b)
	l.wake()
}

func (l *MemLog) wake() {
	close(l.grown)
	l.grown = make(chan struct{})
}

// Skip leaves a gap of n positions, as compaction and retention do.
func (l *MemLog) Skip(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end += n
}

// Trim takes away everything before pos, committed or not, as retention and a drop policy do.
func (l *MemLog) Trim(pos int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trimmed = max(l.trimmed, pos)
}

// Seal ends the log: Next returns io.EOF once it is read to the end.
func (l *MemLog) Seal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sealed = true
	l.wake()
}

// Unseal takes Seal back for owners yet to come.
func (l *MemLog) Unseal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sealed = false
}

// SetFill makes owners report the share of the storage in use.
func (l *MemLog) SetFill(fill float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fill = fill
}

// SetCommitFault makes commits ask fault what goes wrong; nil ends it.
func (l *MemLog) SetCommitFault(fault func(pos int64, note string) CommitFault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = fault
}

// Committed returns the durable state.
func (l *MemLog) Committed() (pos int64, note string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pos, l.note
}

// End returns the position after the last record.
func (l *MemLog) End() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end
}

// Commits returns how many commits were asked for.
func (l *MemLog) Commits() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.commits
}

// Owner hands the log to a new owner, from the committed position on.
func (l *MemLog) Owner() *LogOwner {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch++
	l.wake()
	return &LogOwner{log: l, epoch: l.epoch, next: l.pos}
}

// LogOwner is one owner's view of a MemLog: the record.Log.
type LogOwner struct {
	log   *MemLog
	epoch int
	next  int64 // belongs to the goroutine that calls Next and SeekTo
	busy  sync.Mutex
}

var _ record.Log = (*LogOwner)(nil)

// Name implements record.Log.
func (o *LogOwner) Name() string { return o.log.name }

// Identity implements record.Identifier.
func (o *LogOwner) Identity() any { return o.log }

// End implements record.Ender.
func (o *LogOwner) End() int64 { return o.log.End() }

// Fill implements record.Filler.
func (o *LogOwner) Fill() float64 {
	o.log.mu.Lock()
	defer o.log.mu.Unlock()
	return o.log.fill
}

// Next implements record.Log. Two calls at once are a mistake of the caller and panic.
func (o *LogOwner) Next(ctx context.Context) (*record.Batch, error) {
	if !o.busy.TryLock() {
		panic("Next or SeekTo called from two goroutines at once")
	}
	defer o.busy.Unlock()
	l := o.log
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l.mu.Lock()
		if o.epoch != l.epoch {
			l.mu.Unlock()
			return nil, fmt.Errorf("%s: %w", l.name, record.ErrFenced)
		}
		at := max(o.next, l.trimmed)
		i := sort.Search(len(l.batches), func(i int) bool { return l.batches[i].End > at })
		if i < len(l.batches) {
			b := l.batches[i]
			o.next = b.End
			l.mu.Unlock()
			return b, nil
		}
		sealed, grown := l.sealed, l.grown
		l.mu.Unlock()
		if sealed {
			return nil, io.EOF
		}
		select {
		case <-grown:
		case <-ctx.Done():
		}
	}
}

// SeekTo implements record.Log.
func (o *LogOwner) SeekTo(pos int64) error {
	if !o.busy.TryLock() {
		panic("Next or SeekTo called from two goroutines at once")
	}
	defer o.busy.Unlock()
	o.next = pos
	return nil
}

// Committed implements record.Log.
func (o *LogOwner) Committed() (int64, string) { return o.log.Committed() }

// Commit implements record.Log. A position that goes back, or a note that is too long, panics.
func (o *LogOwner) Commit(ctx context.Context, pos int64, note string) error {
	l := o.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if o.epoch != l.epoch {
		return fmt.Errorf("%s: %w", l.name, record.ErrFenced)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	l.commits++
	if len(note) > record.MaxNote {
		panic(fmt.Sprintf("note of %d bytes", len(note)))
	}
	if pos < l.pos {
		panic(fmt.Sprintf("commit of %d behind %d", pos, l.pos))
	}
	if pos > l.end {
		panic(fmt.Sprintf("commit of %d, the log ends at %d", pos, l.end))
	}
	fault := CommitWorks
	if l.fault != nil {
		fault = l.fault(pos, note)
	}
	if fault != CommitFails {
		l.pos, l.note = pos, note
	}
	if fault != CommitWorks {
		return errors.New("commit timed out")
	}
	return nil
}
