package buffer

import (
	"errors"
	"sync"
	"time"
)

// ahead opens the segment after the head before it is needed, so that a roll is not felt. The
// writer alone calls it; the goroutine that opens hands over what came of it.
type ahead struct {
	dir       *directory
	bg        *sync.WaitGroup
	size      func() int64 // disk that a segment is given at its birth
	onFailure func(error)  // a segment could not be opened, for another reason than a full disk

	heads    int // number of the newest head directory
	next     *head
	opening  chan openedHead // nil when none is on the way
	lastOpen time.Time
}

// openedHead is what came of opening a segment.
type openedHead struct {
	head *head
	err  error
}

// ready reports whether there is one, as of the last poll.
func (a *ahead) ready() bool { return a.next != nil }

// begin begins to open a segment, unless there is one or one is on the way.
func (a *ahead) begin() {
	if a.next != nil || a.opening != nil {
		return
	}
	a.lastOpen = time.Now()
	a.heads++
	n, size, ch := a.heads, a.size(), make(chan openedHead, 1)
	a.opening = ch
	a.bg.Add(1)
	go func() {
		defer a.bg.Done()
		h, err := a.dir.create(n, size)
		ch <- openedHead{h, err}
	}()
}

// poll takes what was opened in the meantime.
func (a *ahead) poll() {
	select {
	case o := <-a.opening: // never, of nil
		a.took(o)
	default:
	}
}

// took takes what was opened. Where that failed, get tries again and deals with it.
func (a *ahead) took(o openedHead) {
	a.next, a.opening = o.head, nil
	if o.err != nil && !errors.Is(o.err, errNoSpace) {
		a.onFailure(o.err)
	}
}

// get returns the segment, which stays here until used is called: it opens one if there is none.
func (a *ahead) get() (*head, error) {
	if a.opening != nil {
		a.took(<-a.opening)
	}
	if a.next == nil {
		a.heads++
		h, err := a.dir.create(a.heads, a.size())
		if err != nil {
			return nil, err
		}
		a.next = h
	}
	return a.next, nil
}

// used gives the segment away.
func (a *ahead) used() { a.next = nil }

// discard removes what was not used.
func (a *ahead) discard() error {
	if a.opening != nil {
		a.next, a.opening = (<-a.opening).head, nil
	}
	if a.next == nil {
		return nil
	}
	return a.next.discard()
}
