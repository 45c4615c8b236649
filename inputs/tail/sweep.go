package tail

import (
	"time"
)

// sweep does what is due.
func (m *manager) sweep(now time.Time) {
	switch {
	case !now.Before(m.nextScan):
		m.scan()
	case m.watch == nil && !now.Before(m.nextPoll):
		m.poll(now)
	}
	for f := range m.due {
		m.sweepDue(f, now)
	}
	for f := range m.left {
		m.sweepLeft(f, now)
	}
	m.sweepHeld(now)
	m.sweepGz(now)
	m.closeIdle(now)
	if !now.Before(m.nextForget) {
		m.nextForget = now.Add(time.Minute)
		m.forget(now)
	}
}

func (m *manager) sweepDue(f *file, now time.Time) {
	waiting := false
	if !f.m.ended && !f.m.deadline.IsZero() {
		waiting = true
		if !now.Before(f.m.deadline) {
			cmd := cmdFlush
			if f.m.pending == pendingLine {
				cmd = cmdFlushLine
			}
			f.m.deadline = time.Time{}
			m.wake(f, cmd)
		}
	}
	if !f.m.ended && f.m.failure != "" {
		waiting = true
		if !now.Before(f.m.retry) {
			f.m.retry = now.Add(max(m.cfg.PollInterval, now.Sub(f.m.grown)/10))
			m.wake(f, cmdRead)
		}
	}
	if !waiting {
		delete(m.due, f)
	}
}

// sweepLeft reads on in a file that was rotated or deleted, until it has been quiet for long enough.
func (m *manager) sweepLeft(f *file, now time.Time) {
	quiet := now.Sub(f.m.left) >= m.cfg.RotateWait && now.Sub(f.m.grown) >= m.cfg.RotateWait
	switch {
	case !f.m.started:
		m.tryStart(f)
	case quiet && f.m.failure != "":
		m.pass(f)
	case !quiet || f.m.answered < f.m.leftWake:
		m.wake(f, cmdRead)
	case len(f.m.names) > 0:
		// It is still among the files to read, under its new name: its last line is complete, more may come.
		delete(m.left, f)
		f.m.left = time.Time{}
		if f.m.pending != pendingNone {
			m.wake(f, cmdFlush|cmdFlushLine)
		}
	default:
		m.wake(f, cmdFinish)
	}
}

// closeIdle closes files that were quiet for long, or that are too many.
func (m *manager) closeIdle(now time.Time) {
	after := m.cfg.CloseInactive
	if int(m.run.opened.Load()) > m.cfg.MaxOpenFiles {
		after = min(after, idleTick)
	}
	for _, f := range m.byID {
		if f.isOpen.Load() && !f.m.idle && f.m.left.IsZero() && f.m.pending == pendingNone && now.Sub(f.m.grown) >= after {
			f.m.idle = true
			m.wake(f, cmdClose)
		}
	}
}
