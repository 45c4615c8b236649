package producer

import (
	"math"
)

// partition is what a Machine holds for one partition. What goes out under which numbers is its
// sequencing, how it has gone lately its attempts.
type partition struct {
	Key
	leader int32
	queue  []*Item
	sent   int // items at the front that are flying or acked
	flying int

	sequencing
	attempts

	recovering bool    // send nothing until all requests are back
	denial     *Result // refuses all that is held, once all requests are back
	vanished   bool    // the topic was made again without it

	joined           int64 // the transaction it was last added to
	isOfOlderSession bool  // of a time before Begin
}

// sequencing is what a broker recognises a producer's batches by.
type sequencing struct {
	id         int64 // -1: none yet
	epoch      int16
	head       int32 // sequence of queue[0]
	isAsking   bool
	needsEpoch bool // take the next epoch before sending anything
	needsID    bool // take another producer id before sending anything
	isProven   bool // the leader has acknowledged a batch of this epoch
}

// identify takes a producer id that was asked for.
func (s *sequencing) identify(id int64, epoch int16) {
	s.id, s.epoch, s.head, s.isProven = id, epoch, 0, false
}

// isDue reports whether the numbers must change before anything is sent.
func (s *sequencing) isDue() bool { return s.needsEpoch || s.needsID }

// renumber takes the next epoch, or gives up the id, where that is due. It reports whether there
// is an id: Identities asks for another.
func (s *sequencing) renumber() bool {
	if s.needsEpoch && s.epoch == math.MaxInt16 {
		s.needsID = true
	}
	switch {
	case s.needsID:
		s.needsID, s.needsEpoch, s.isProven = false, false, false
		s.id = -1
		return false
	case s.needsEpoch:
		s.needsEpoch, s.isProven = false, false
		s.epoch++
		s.head = 0
	}
	return true
}

// acknowledge passes the first of the queue.
func (s *sequencing) acknowledge(it *Item) { s.head = addSequence(s.head, it.Count) }

// abandon takes note of items that are not sent any more. Numbers that may have been used are not
// used again.
func (s *sequencing) abandon(queue []*Item) {
	for _, it := range queue {
		s.needsEpoch = s.needsEpoch || it.unsure
	}
}

// attempts is how a partition's attempts went, and when the next is due.
type attempts struct {
	failures  int
	notBefore int64
	since     int64 // of the last progress while the queue is not empty
	lastAck   int64
	err       error // of the latest; nil once one has worked
}

// worked reports whether attempts before had failed.
func (a *attempts) worked(now int64) (again bool) {
	again = a.err != nil
	*a = attempts{since: now, lastAck: now}
	return again
}

func (a *attempts) failed(err error, now int64, cfg *Config) {
	a.err = err
	a.notBefore = now + int64(cfg.wait(cfg.BackoffMin, a.failures))
	a.failures++
}

func (p *partition) sequence(i int) int32 {
	seq := p.head
	for _, it := range p.queue[:i] {
		seq = addSequence(seq, it.Count)
	}
	return seq
}

// addSequence wraps at the largest number to 0, as brokers do.
func addSequence(seq, n int32) int32 { return int32((int64(seq) + int64(n)) & math.MaxInt32) }
