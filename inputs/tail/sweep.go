package tail

import (
	"cmp"
	"slices"
	"time"
)

// sweptFiles are those that every sweep looks at: something is to happen to them.
type sweptFiles struct {
	left    map[*file]struct{}            // rotated or deleted, not ended
	due     map[*file]struct{}            // something is to happen to them at a certain time
	waiting map[string]map[*file]struct{} // files that wait for a comparison, by family
	behind  map[*file]struct{}            // files that wait for a copy of them, see followsCopy
	limited map[*file]waitingFile         // files that may not be read yet
}

func newSweptFiles() sweptFiles {
	return sweptFiles{
		left: map[*file]struct{}{}, due: map[*file]struct{}{},
		waiting: map[string]map[*file]struct{}{}, behind: map[*file]struct{}{},
		limited: map[*file]waitingFile{},
	}
}

func (s *sweptFiles) isEmpty() bool {
	return len(s.left)+len(s.due)+len(s.waiting)+len(s.behind)+len(s.limited) == 0
}

// nextTimes are when something is done again.
type nextTimes struct {
	scan, poll, forget time.Time
	excluded           time.Time // when those left out are looked at
	descriptorWait     time.Time // until then nothing waits for a descriptor
}

// sweep does what is due.
func (m *manager) sweep(now time.Time) {
	switch {
	case !now.Before(m.next.scan):
		m.scan()
	case !m.watches.on() && !now.Before(m.next.poll):
		m.poll(now)
	}
	for _, f := range inSeq(m.swept.due) {
		m.sweepDue(f, now)
	}
	for _, f := range inSeq(m.swept.left) {
		if _, left := m.swept.left[f]; !left {
			continue
		}
		m.sweepLeft(f, now)
	}
	m.sweepWaiting(now)
	m.sweepExcluded(now)
	m.sweepHeld(now)
	for _, f := range inSeq(m.swept.behind) {
		m.tryStart(f)
	}
	m.sweepGz(now)
	m.closeIdle(now)
	m.sweepFinished(now)
	if !now.Before(m.next.forget) {
		m.next.forget = now.Add(time.Minute)
		m.forget(now)
	}
}

func (m *manager) sweepDue(f *file, now time.Time) {
	waiting := false
	if !f.m.ended && !f.m.turns.deadline.IsZero() {
		waiting = true
		if !now.Before(f.m.turns.deadline) {
			cmd := cmdFlush
			if f.m.turns.pending == pendingLine {
				cmd = cmdFlushLine
			}
			f.m.turns.deadline = time.Time{}
			m.wake(f, cmd)
		}
	}
	if !f.m.ended && f.m.turns.failure != "" {
		waiting = true
		if !now.Before(f.m.turns.retry) {
			f.m.turns.retry = now.Add(max(m.cfg.PollInterval, now.Sub(f.m.evidence.grown)/10))
			m.wake(f, cmdRead)
		}
	}
	if !waiting {
		delete(m.swept.due, f)
	}
}

// sweepLeft reads on in a file that was rotated or deleted, until it has been quiet for long
// enough.
func (m *manager) sweepLeft(f *file, now time.Time) {
	quiet := now.Sub(f.m.rotation.left) >= m.cfg.RotateWait &&
		now.Sub(f.m.evidence.grown) >= m.cfg.RotateWait
	switch {
	case !f.m.started:
		m.tryStart(f)
	case quiet && f.m.turns.failure != "":
		m.pass(f)
	case quiet && f.m.rotation.copied && f.m.turns.answered >= f.m.rotation.leftWake:
		m.wake(f, cmdClose)
	case !quiet || f.m.turns.answered < f.m.rotation.leftWake:
		m.wake(f, cmdRead)
	case len(f.m.names) > 0:
		// It is still among the files to read, under its new name: its last line is complete, more
		// may come.
		delete(m.swept.left, f)
		f.leftAt(time.Time{})
		if f.m.turns.pending != pendingNone {
			m.wake(f, cmdFlush|cmdFlushLine)
		}
	default:
		m.wake(f, cmdFinish)
	}
}

// closeIdle closes files that were quiet for long, or that are too many.
func (m *manager) closeIdle(now time.Time) {
	// With an eighth to spare, those that are active need not be opened for each read.
	files := m.run.tail.files
	excess := max(int(m.run.opened.Load())-m.cfg.MaxOpenFiles, files.Excess()+files.Most()/8)
	var idle, quietest []*file
	for _, f := range m.table.byID {
		switch quiet := now.Sub(f.m.evidence.grown); {
		case !f.isOpen.Load() || f.m.turns.idle || !f.m.rotation.left.IsZero() ||
			f.compression != none:
		case !f.m.started: // no worker has it
			if excess > 0 && f.size.Load() == f.delivered.Load() {
				m.run.closeFile(f)
				excess--
			}
		case f.m.turns.pending == pendingNone && quiet >= m.cfg.CloseInactive:
			f.m.turns.idle = true
			quietest = append(quietest, f)
			excess--
		case excess > 0 && quiet >= idleTick:
			idle = append(idle, f)
		}
	}
	slices.SortFunc(quietest, func(a, b *file) int {
		return cmp.Compare(a.m.evidence.seq, b.m.evidence.seq)
	})
	for _, f := range quietest {
		m.wake(f, cmdClose)
	}
	if excess <= 0 {
		return
	}
	slices.SortFunc(idle, func(a, b *file) int {
		return cmp.Or(
			cmp.Compare(a.m.turns.pending, b.m.turns.pending),
			a.m.evidence.grown.Compare(b.m.evidence.grown),
			cmp.Compare(a.m.evidence.seq, b.m.evidence.seq),
		)
	})
	for _, f := range idle[:min(excess, len(idle))] {
		f.m.turns.idle = true
		m.wake(f, cmdClose)
	}
}
