package tail

import (
	"cmp"
	"io"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// file is one generation of a file's content: from its creation or truncation to its end.
type file struct {
	key         string // of its position
	id          ident
	birth       int64
	firstPath   string          // where it was first seen; the source whose order is kept
	origin, tag string          // of its batches
	headers     []record.Header // of its records, from firstPath; never changed
	pod         podRef          // whose log it is
	compression compression
	isCopy      bool  // it was made as a copy of another: what is in it is older than the file
	written     int64 // of a compressed file: see position

	sched schedule  // guarded by queue.mu
	r     readState // belongs to whoever has the turn
	m     mgrState  // belongs to the manager

	sharedState
}

// sharedState is what the manager, workers and the status tell each other of a file.
type sharedState struct {
	path atomic.Pointer[string] // where it is now, or was last
	real atomic.Pointer[string] // the same without symbolic links
	// names that it has anywhere, plus 1, as last seen by who has it open; 0 while unknown
	links atomic.Int64
	left  atomic.Bool // it was rotated or deleted
	// when its content or names last changed, as seen when what had been read was still in it, in
	// Unix nanoseconds
	changed   atomic.Int64
	size      atomic.Int64             // as last seen
	last      atomic.Pointer[position] // as last appended; nil before
	delivered atomic.Int64             // offset after the last appended line
	holds     atomic.Int64             // events that wait for more lines, or parts of one
	isOpen    atomic.Bool
	excluded  atomic.Bool // an annotation of its pod leaves it out
	bigEndian atomic.Bool // see position
}

// readState is what reading a file needs from one turn to the next.
type readState struct {
	h            *handle
	z            *stream // over h, for compressed files
	charset      *charset
	fingerprints                       // off is where to read on
	skip         bool                  // off lies in a long line whose rest is skipped
	upto         streamOffsets         // of the log of a container
	streams      *[streams]streamState // nil until it is found to be one
	seen         int64                 // the end of what was read last
	probed       int64                 // there is no line end between off and here
	blank        bool                  // it was empty when it was begun
	finish       bool                  // nothing will be added: what is left at the end is complete
	// truncated: what was here before is gone, and its writer may go on behind it
	truncated bool
	loggedCR  bool          // that there are carriage returns and no line ends
	sparse    bool          // it may have holes
	dead      bool          // truncated, finished or unusable: nothing is read any more
	last      chan struct{} // closed when what was read before has been appended
	waiting   time.Time     // since when it may not be read; zero: it may
	owed      command       // of the turns since then
	podState  podState
}

// mgrState is what the manager knows of a file.
type mgrState struct {
	names   []string         // matching paths at which it is
	family  string           // directory and name without what rotation adds
	started bool             // it is being read; before, it waits for its predecessors
	pred    map[*file]uint64 // predecessors, and the wake that each must have answered
	ended   bool             // finished, or its content is gone
	hold    *copyCandidate   // undecided whether it is a copy of another

	evidence evidence
	rotation rotation
	turns    turns
	gz       compressedState // of compressed files only
	disposal *disposal       // since it is finished; see afterread.go
}

// evidence is what was seen of a file that tells how old it is and what it holds; order.go and
// rotate.go decide by it.
type evidence struct {
	seq          int     // order of discovery
	decidedPlace int     // the place in the order of its source, once that was decided
	at           foundAt // among what was found with it
	// when it was first seen where its source is, and thus the order of those that were; 0: never
	sourceSeq int
	grown     time.Time // when it was last seen to grow
	mtime     int64
	// since when it was seen with that mtime, which tells nothing of what is written within the
	// same tick; zero once it is certain
	since time.Time
	head  fingerprint // what it began with before it was read
	// written to since it was found: it may hold something else in the same length
	touched bool
	// what was in it was truncated: it holds what is younger than the file
	rewritten  bool
	nameless   bool // it was open, and not at its path any more, when it was discovered
	foundEmpty bool // there was nothing in it that tells what it is
}

// rotation is what rotation has done to a file.
type rotation struct {
	left     time.Time // when it was rotated or deleted; zero while it is where it was
	leftWake uint64    // the wake at that time
	// what was at its path when it came, perhaps with the same content so far
	replaces []*file
	// a file that goes on with its content has taken its place: its last line need not be completed
	copied bool
	// since when it waits for a copy of it, see followsCopy
	behind time.Time
}

// turns is how the latest turns of a file went, see result.
type turns struct {
	answered uint64 // the last wake answered at the file's end
	pending  pending
	deadline time.Time // when what is pending is flushed
	idle     bool      // asked to close
	failure  string    // reason of the last failure, reported
	retry    time.Time // when to try again after a failure
}

// toBeCompressed reports whether somebody has made f, which is empty, to be a compressed file.
func (f *file) toBeCompressed() bool {
	return f.m.evidence.foundEmpty && f.compression == none &&
		uncompressedName(f.where()) != f.where()
}

// foundAt is which look has found a file, and where it stands among all that this look has found,
// in the order in which they were written.
type foundAt struct{ look, index int }

// inSeq returns the files of a set in the order of their discovery: what is decided does not depend
// on chance.
func inSeq(set map[*file]struct{}) []*file {
	return slices.SortedFunc(maps.Keys(set), func(a, b *file) int {
		return cmp.Or(cmp.Compare(a.m.evidence.seq, b.m.evidence.seq), cmp.Compare(a.key, b.key))
	})
}

// source is where the file's content is read from.
func (r *readState) source() io.ReaderAt {
	if r.z != nil {
		return r.z
	}
	return r.h
}

func (f *file) where() string { return *f.path.Load() }

// setPath notes where the file is, and what that is without symbolic links.
func (f *file) setPath(p, real string) {
	if old := f.path.Load(); old == nil || *old != p {
		f.path.Store(&p)
	}
	if old := f.real.Load(); old == nil || *old != real {
		f.real.Store(&real)
	}
}

// realPath returns where the file is, or was last, without symbolic links.
func (f *file) realPath() string {
	if p := f.real.Load(); p != nil {
		return *p
	}
	return f.where()
}

// leftAt notes when the file was rotated or deleted; zero stands for that it was not.
func (f *file) leftAt(t time.Time) {
	f.m.rotation.left = t
	f.left.Store(!t.IsZero())
}

// goOnAt lets the file, which nobody reads yet, be read from where p is, and returns its position
// there.
func (f *file) goOnAt(p *position) *position {
	f.r.fingerprints, f.r.skip, f.r.upto = p.fingerprints(), p.Skip, streamOffsets{}
	copy(f.r.upto[:], p.Upto)
	f.delivered.Store(p.Off)
	f.bigEndian.Store(p.BigEndian)
	at := f.position(p.fingerprints(), p.Skip)
	at.Upto = p.Upto
	return at
}

// position returns the file's position at p.
func (f *file) position(p fingerprints, skip bool) *position {
	pos := &position{
		key: f.key, Dev: f.id.dev, Ino: f.id.ino, Birth: f.birth,
		Off: p.off, Head: p.head, Tail: p.tail, Skip: skip, Copy: f.isCopy,
		Written: f.written, BigEndian: f.bigEndian.Load(),
	}
	f.locate(pos)
	return pos
}

// locate notes in a position of the file where it is.
func (f *file) locate(pos *position) {
	pos.Path, pos.Origin, pos.Real = f.where(), "", ""
	if f.firstPath != pos.Path {
		pos.Origin = f.firstPath
	}
	if real := f.realPath(); real != pos.Path {
		pos.Real = real
	}
}
