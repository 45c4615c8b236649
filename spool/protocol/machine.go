package protocol

import (
	"errors"
	"fmt"

	"github.com/penstock/penstock/buffer/record"
)

var (
	// ErrConfigChanged tells that an unfinished cut was begun under another configuration.
	ErrConfigChanged = errors.New("the configuration changed within an unfinished cut")
	// ErrDiverged tells that a cut made again is not the one its intent names, though no record is
	// missing.
	ErrDiverged = errors.New("the cut made again differs from its intent")
	// ErrMoved tells that somebody else changed the committed position while the log was owned
	// here.
	ErrMoved = errors.New("the committed position was changed from outside")
)

// Kind says what the caller has to do next.
type Kind uint8

const (
	Wait    Kind = iota // nothing until the next event
	Commit              // commit Step.Pos with Step.Note, then call Committed
	Refresh             // read the committed position back, then call Refreshed
	Upload              // upload all files of Step.Cut, then call Uploaded
	Release             // Step.Cut is archived: forget its files
	Fail                // stop with Step.Err: forget everything
)

func (k Kind) String() string {
	return [...]string{"wait", "commit", "refresh", "upload", "release", "fail"}[k]
}

// Step is the machine's answer to an event.
type Step struct {
	Kind  Kind
	Pos   int64
	Note  string
	Again int // how many times a Commit or Refresh failed before: the caller backs off
	Cut   Cut
	// Upload: the cut lacks records of its intent: names that are taken are to be left as they are
	Keep bool
	Err  error
}

// Cut is a range of the log that goes into one set of files.
type Cut struct {
	Start, End int64
	Files      int
	Records    int64
	Digest     string
	After      Progress // as of End
}

type phase uint8

const (
	idle       phase = iota // no intent, nothing under way
	redo                    // an intent is stored; its cut is not made yet
	intending               // the intent is being committed
	uploading               // the intent is stored
	concluding              // (E, no intent) is being committed
	noting                  // a change of the progress alone is being committed
	failed
)

// Machine runs the protocol for one log as long as it is owned here. Not safe for concurrent use.
type Machine struct {
	config    string
	pos       int64 // committed, as far as known
	note      Note  // committed with it
	raw       string
	cut       Cut
	keep      bool
	phase     phase
	wantPos   int64  // being committed
	wantNote  Note   // being committed
	wantRaw   string // being committed
	attempts  int
	canReread bool

	// Moved is set by New if a stored intent belongs to another position: the offsets were reset by
	// hand.
	Moved bool
	// Missing counts the records of an intent that were gone when its cut was made again.
	Missing int64
}

// New returns the machine for a log that was just acquired. Its committed position and note are pos
// and raw; config is the hash of the settings in force, former what an earlier release would have
// called them, if another; life is what the log's life is called if the note does not say.
// canReread tells whether Refresh is possible; where not, a commit of unknown outcome is sent
// again.
func New(pos int64, raw, config, former, life string, canReread bool) (*Machine, error) {
	note, ok, err := ParseNote(raw)
	if err != nil {
		return nil, err
	}
	if !ok {
		note.Life = life
	}
	m := &Machine{config: config, pos: pos, note: note, raw: raw, canReread: canReread}
	in := note.Intent
	switch {
	case in == nil:
	case in.Start != pos || in.End <= in.Start:
		m.Moved = true
		m.note.Intent = nil
	case in.Config != config && (in.Config != former || former == ""):
		return nil, fmt.Errorf(
			"%w: [%d, %d) was begun with configuration %s, this one is %s, so part of it may already be stored "+
				"under other names: run the old configuration until this cut is committed, or give it up with \"penstock archive abandon\"",
			ErrConfigChanged,
			in.Start,
			in.End,
			in.Config,
			config,
		)
	default:
		m.phase = redo
	}
	return m, nil
}

// Position returns the committed position: where the next cut begins, once nothing is under way.
func (m *Machine) Position() int64 { return m.pos }

// Progress returns the progress as of the committed position.
func (m *Machine) Progress() Progress { return m.note.Progress }

// Life returns what tells the names of the log's objects from those of its other lives.
func (m *Machine) Life() string { return m.note.Life }

// Correct replaces the progress that was found, before any step.
func (m *Machine) Correct(p Progress) { m.note.Progress = p }

// Redo returns the intent that has to be made good before anything else, if there is one.
func (m *Machine) Redo() (Intent, bool) {
	if m.phase != redo {
		return Intent{}, false
	}
	return *m.note.Intent, true
}

// Ready reports whether a cut may be made: nothing else is under way.
func (m *Machine) Ready() bool { return m.phase == idle || m.phase == redo }

// MakeCut begins to archive c, which starts at Position. In a redo it must end where the intent
// does. A cut without files only moves the position.
func (m *Machine) MakeCut(c Cut) Step {
	if !m.Ready() || c.Start != m.pos || c.End < c.Start {
		panic(
			fmt.Sprintf("cut [%d, %d) at position %d in phase %d", c.Start, c.End, m.pos, m.phase),
		)
	}
	m.cut, m.keep = c, false
	if m.phase == redo {
		return m.compareWithIntent(*m.note.Intent)
	}
	if c.Files == 0 {
		return m.conclude()
	}
	m.phase = intending
	return m.commit(
		m.pos,
		Note{
			Progress: m.note.Progress,
			Intent:   &Intent{c.Start, c.End, m.config, c.Files, c.Records, c.Digest},
		},
	)
}

func (m *Machine) compareWithIntent(in Intent) Step {
	c := m.cut
	switch {
	case c.End != in.End:
		panic(fmt.Sprintf("cut to %d, the intent says %d", c.End, in.End))
	case c.Records < in.Records:
		m.Missing, m.keep = in.Records-c.Records, true
	case c.Records != in.Records || c.Files != in.Files || c.Digest != in.Digest:
		return m.fail(
			fmt.Errorf(
				"%w: [%d, %d): %d records in %d files with digest %s, the intent says %d in %d with %s: "+
					"part of it may already be stored under other names: run the version that began it, or give it up with \"penstock archive abandon\"",
				ErrDiverged,
				c.Start,
				c.End,
				c.Records,
				c.Files,
				c.Digest,
				in.Records,
				in.Files,
				in.Digest,
			),
		)
	}
	if c.Files == 0 {
		return m.conclude()
	}
	m.phase = uploading
	return Step{Kind: Upload, Cut: c, Keep: m.keep}
}

// NoteProgress stores p beside the committed position. It must be Ready, without a redo.
func (m *Machine) NoteProgress(p Progress) Step {
	if m.phase != idle {
		panic(fmt.Sprintf("progress noted in phase %d", m.phase))
	}
	m.phase = noting
	return m.commit(m.pos, Note{Progress: p})
}

// Uploaded tells that every file of the cut is in the store.
func (m *Machine) Uploaded() Step {
	if m.phase != uploading {
		panic(fmt.Sprintf("uploaded in phase %d", m.phase))
	}
	return m.conclude()
}

func (m *Machine) conclude() Step {
	m.phase = concluding
	return m.commit(m.cut.End, Note{Progress: m.cut.After})
}

func (m *Machine) commit(pos int64, n Note) Step {
	n.Life = m.note.Life
	m.wantPos, m.wantNote, m.wantRaw, m.attempts = pos, n, n.Encode(), 0
	return m.commitAgain()
}

func (m *Machine) commitAgain() Step {
	return Step{Kind: Commit, Pos: m.wantPos, Note: m.wantRaw, Cut: m.cut, Again: m.attempts}
}

// Committed tells how the commit went. Any error but ErrFenced leaves its outcome unknown.
func (m *Machine) Committed(err error) Step {
	switch {
	case err == nil:
		return m.applied()
	case errors.Is(err, record.ErrFenced):
		return m.fail(err)
	}
	m.attempts++
	if m.canReread {
		return Step{Kind: Refresh, Again: m.attempts}
	}
	return m.commitAgain()
}

// Refreshed tells what is stored.
func (m *Machine) Refreshed(pos int64, raw string, err error) Step {
	switch {
	case errors.Is(err, record.ErrFenced):
		return m.fail(err)
	case err != nil:
		m.attempts++
		return Step{Kind: Refresh, Again: m.attempts}
	case pos == m.wantPos && raw == m.wantRaw:
		return m.applied()
	case pos == m.pos && raw == m.raw:
		return m.commitAgain()
	}
	return m.fail(
		fmt.Errorf(
			"%w: it is %d, this owner left it at %d", errors.Join(ErrMoved, record.ErrFenced), pos,
			m.pos,
		),
	)
}

func (m *Machine) applied() Step {
	m.pos, m.note, m.raw = m.wantPos, m.wantNote, m.wantRaw
	switch m.phase {
	case intending:
		m.phase = uploading
		return Step{Kind: Upload, Cut: m.cut}
	case concluding:
		m.phase = idle
		return Step{Kind: Release, Cut: m.cut}
	}
	m.phase = idle
	return Step{Kind: Wait}
}

func (m *Machine) fail(err error) Step {
	m.phase = failed
	return Step{Kind: Fail, Err: err}
}
