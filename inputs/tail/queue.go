package tail

import (
	"context"
	"sync"
)

// command says what a turn is for. Commands accumulate until the turn.
type command uint8

const (
	cmdRead  command = 1 << iota // read what there is
	cmdClose                     // close the file, unless there is something to read
	cmdFlush                     // take a pending event as complete if the file has not grown
	// take a pending line, and event, as complete if the file has not grown
	cmdFlushLine
	cmdFinish // nothing will be added: deliver all, then close
)

// schedule is a file's place in the queue.
type schedule struct {
	queued, running bool
	cmd             command
	wakes           uint64 // how often it was woken
	next            *file
}

// job is work that is not reading; it runs before any reading.
type job func(context.Context) error

// queue hands out turns, first come first served, so that a busy file waits for all others between
// two blocks.
type queue struct {
	// called when there is nothing left to do, after there was; it must not block
	onRest func()

	mu          sync.Mutex
	more        sync.Cond
	first, last *file
	jobs        []job
	busy        int // turns that are taken, and those who are about to ask for some
	closed      bool
}

func newQueue() *queue {
	q := &queue{onRest: func() {}}
	q.more.L = &q.mu
	return q
}

// wake asks for a turn and returns the number that the turn's result will at least carry.
func (q *queue) wake(f *file, cmd command) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := &f.sched
	s.cmd |= cmd
	s.wakes++
	if !s.queued && !s.running {
		q.push(f)
	}
	return s.wakes
}

func (q *queue) push(f *file) {
	f.sched.queued = true
	if q.last == nil {
		q.first = f
	} else {
		q.last.sched.next = f
	}
	q.last = f
	q.more.Signal()
}

// begin says that turns are about to be asked for, which belong together; done says that they have
// been.
func (q *queue) begin() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy++
}

// done ends what begin, or next, has begun.
func (q *queue) done() {
	q.mu.Lock()
	q.busy--
	rests := q.busy == 0 && q.first == nil && len(q.jobs) == 0
	q.mu.Unlock()
	if rests {
		q.onRest()
	}
}

// turn is the right to read a file.
type turn struct {
	f     *file
	cmd   command
	wakes uint64
	job   job // instead of a file
}

// next waits for a turn or a job; done is to be called behind it. ok is false once the queue is
// closed.
func (q *queue) next() (t turn, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		switch {
		case q.closed:
			return t, false
		case len(q.jobs) > 0:
			t.job = q.jobs[0]
			q.jobs = q.jobs[1:]
			q.busy++
			return t, true
		case q.first != nil:
			f := q.first
			q.first = f.sched.next
			if q.first == nil {
				q.last = nil
			}
			s := &f.sched
			t = turn{f: f, cmd: s.cmd, wakes: s.wakes}
			s.next, s.queued, s.running, s.cmd = nil, false, true, 0
			q.busy++
			return t, true
		}
		q.more.Wait()
	}
}

// release ends a turn; again asks for another one at once.
func (q *queue) release(f *file, again command) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := &f.sched
	s.running = false
	s.cmd |= again
	if s.cmd != 0 {
		q.push(f)
	}
}

// rests reports whether f has no turn and waits for none: what a turn changes may be looked at
// then.
func (q *queue) rests(f *file) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !f.sched.queued && !f.sched.running
}

func (q *queue) do(j job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = append(q.jobs, j)
	q.more.Signal()
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.more.Broadcast()
}
