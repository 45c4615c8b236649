package buffer

import (
	"testing"
)

// What is allocated ahead is room, too, also where the file system has come to its floor.
func TestRoomCountsWhatIsAllocated(t *testing.T) {
	opt := fullOptions(t)
	opt.MinFree = 0
	b := open(t, t.TempDir(), opt)
	appendWait(t, b, batchOf(0, 50, 1000))
	ahead := b.space.ahead
	if ahead <= 0 {
		t.Skip("this file system does not allocate ahead")
	}
	b.opt.MinFree = 1 << 60
	if room := b.Room(); room != ahead {
		t.Errorf("room for %d bytes, %d are allocated", room, ahead)
	}
	appendWait(t, b, batchOf(50, 50, 1000))
	if b.space.ahead >= ahead {
		t.Errorf("%d bytes are allocated ahead, then %d", ahead, b.space.ahead)
	}
}
