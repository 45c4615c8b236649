package overflow

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dataformat"
)

// Note is what a log's commit note says about overflow. It is empty while there is none.
type Note struct {
	// Format is that of the note, if it is not 1: a later one may hold what must not be forgotten.
	Format int `json:"format,omitempty"`
	// Objects tells that objects of this log may wait in the store. It is set before the first is
	// put, so that a restart knows that it must ask the store before anything newer goes out, and
	// otherwise need not.
	Objects bool `json:"objects,omitempty"`
	// Intent is the cut that begins at the committed position and is about to be stored, or was: it
	// is made again, exactly so.
	Intent *objectRange `json:"intent,omitempty"`
	// Void is a cut whose object may have been stored although its records then went to the
	// destination: it is deleted, not replayed.
	Void *objectRange `json:"void,omitempty"`
	// Base and To are where all of these are: what the names begin with, and in which output's
	// store. An agent, output or prefix that is renamed goes on there until nothing waits any more.
	Base string `json:"base,omitempty"`
	To   string `json:"to,omitempty"`
	// Left are where objects were when failover.to came to name another store. It is told until a
	// person has it forgotten, or failover.to names that store again.
	Left []place `json:"left,omitempty"`

	// Log is what the log is known by, other than its name: in committed positions, and in the
	// names of its objects, since positions of another one mean nothing here. A buffer begun anew
	// after a lost disk has another. It is there before the first of either, and stays as long as
	// there is one.
	Log string `json:"log,omitempty"`

	// Only with transactions.

	// Held tells that the destination has held a position of this log: it is missed where it is
	// gone.
	Held bool `json:"held,omitempty"`
	// Replay is how far the replay had come when it last began or stopped; nil while none is under
	// way.
	Replay *replayed `json:"replay,omitempty"`
	// Doubt is where the log was when records began to move to the store while it was not known how
	// far the destination has committed.
	Doubt *int64 `json:"doubt,omitempty"`
	// DoubtLog is Log as of then; "" where an earlier release was in doubt, whose objects do not
	// name their log.
	DoubtLog string `json:"doubt_log,omitempty"`
	// Skip are records that the destination turned out to have: where they are in the overflow,
	// they are not replayed.
	Skip []span `json:"skip,omitempty"`
}

// place is where objects are: what their names begin with, in an output's store.
type place struct {
	Base string `json:"base"`
	To   string `json:"to"`
}

func (p place) String() string { return p.Base + " of " + p.To }

// maxLeft is how many places are remembered, the newest, and fewer where their names are so long
// that the note would be longer than record.MaxNote.
const maxLeft = 4

// replayed is how far an object has been replayed in committed transactions.
type replayed struct {
	Object string `json:"object,omitempty"`
	Digest string `json:"digest,omitempty"`
	At     int64  `json:"at,omitempty"`
}

// span is the positions from From up to To of the log that is known by the mark Log, see mark; ""
// for objects that do not name theirs.
type span struct {
	From int64  `json:"from"`
	To   int64  `json:"to"`
	Log  string `json:"log,omitempty"`
}

// maxSkipBytes bounds note.Skip as it is written, so that with all else the note is no longer than
// record.MaxNote.
const maxSkipBytes = 1500

// NewLogID chooses what a log is known by.
func NewLogID() string { return fmt.Sprintf("%016x", rand.Uint64()) }

// mark is how a log is told in the names of its objects.
func mark(logID string) string { return logID[:min(len(logID), 8)] }

func (n Note) empty() bool {
	return !n.Objects && n.Intent == nil && n.Void == nil && n.Log == "" && !n.Held &&
		n.Replay == nil &&
		n.Doubt == nil &&
		len(n.Skip) == 0 && len(n.Left) == 0
}

// Stored reports whether something of the log is in the store, or may be.
func (n Note) Stored() bool { return n.Objects || n.Intent != nil || n.Void != nil }

// Away reports whether something of the log is in any store, or may be, whoever looks there.
func (n Note) Away() bool { return n.Stored() || len(n.Left) > 0 }

// Stranded tells where something of the log is stored into which an output that fails over to to,
// or to nothing, does not look; "" if there is no such place.
func (n Note) Stranded(to string) string {
	var where []string
	switch {
	case !n.isStranded(to):
	case n.Base == "":
		where = append(where, "its overflow") // of an earlier release, which did not note where
	default:
		where = append(where, place{n.Base, n.To}.String())
	}
	for _, p := range n.Left {
		where = append(where, p.String())
	}
	return strings.Join(where, " and in ")
}

func (n Note) isStranded(to string) bool {
	return n.Stored() && (to == "" || n.To != "" && n.To != to)
}

// move turns to another store: where objects were is remembered, and what was left at base there is
// looked for.
func (n *Note) move(base, to string) {
	if n.isStranded(to) && n.Base != "" {
		at := place{n.Base, n.To}
		n.Left = append(slices.DeleteFunc(n.Left, func(p place) bool { return p == at }), at)
		n.Left = n.Left[max(len(n.Left)-maxLeft, 0):]
		n.Objects, n.Replay = false, nil
	}
	if i := slices.Index(n.Left, place{base, to}); i >= 0 {
		n.Left, n.Objects = slices.Delete(n.Left, i, i+1), true
	}
}

// Forget returns a note of a commit without what it says of objects in places where nobody looks
// any more.
func Forget(note string) (string, error) {
	n, err := ParseNote(note)
	n.Objects, n.Left = false, nil
	return n.String(), err
}

// LeftBehind tells where something of a log is stored whose output is gone, by the note of its
// commit; "" if nothing is.
func LeftBehind(note string) string {
	n, err := ParseNote(note)
	if err != nil {
		return "" // another kind of output's
	}
	return n.Stranded("")
}

// ResolveDoubt ends a doubt: has is how far the destination had come in this log, 0 where it holds
// nothing of it. It reports whether the oldest of what is not to be replayed had to be forgotten.
func (n *Note) ResolveDoubt(has int64) (forgot bool) {
	if n.Doubt == nil {
		return false
	}
	if from := *n.Doubt; has > from {
		if n.DoubtLog == "" {
			n.Skip = append(n.Skip, span{From: from, To: has})
		}
		n.Skip = append(n.Skip, span{From: from, To: has, Log: mark(n.Log)})
	}
	n.Doubt, n.DoubtLog = nil, ""
	for {
		if p, _ := json.Marshal(n.Skip); len(p) <= maxSkipBytes {
			return forgot
		}
		n.Skip, forgot = n.Skip[1:], true
	}
}

// skips tells which records of an object of the log with this mark, by their positions, are not to
// be replayed; nil for none.
func (n Note) skips(mark string) func(pos int64) bool {
	var of []span
	for _, s := range n.Skip {
		if s.Log == mark {
			of = append(of, s)
		}
	}
	if of == nil {
		return nil
	}
	return func(pos int64) bool {
		return slices.ContainsFunc(of, func(s span) bool { return s.From <= pos && pos < s.To })
	}
}

// objectRange is a range of positions that makes one object.
type objectRange struct {
	First  int64  `json:"first"`
	End    int64  `json:"end"`
	Digest string `json:"digest"`
	// the mark of the log; "" where an earlier release began it
	Log string `json:"log,omitempty"`
}

const (
	notePrefix = "overflow:"
	noteFormat = 1
)

func (n Note) String() string {
	if !n.Stored() {
		n.Base, n.To = "", ""
	}
	if n.empty() {
		return ""
	}
	for {
		p, _ := json.Marshal(n)
		if len(notePrefix)+len(p) <= record.MaxNote || len(n.Left) == 0 {
			return notePrefix + string(p)
		}
		n.Left = n.Left[1:]
	}
}

// ParseNote reads a note. The error is for one that is not an output's, such as other Kafka clients
// leave in commits.
func ParseNote(s string) (Note, error) {
	var n Note
	if s == "" {
		return n, nil
	}
	if !strings.HasPrefix(s, notePrefix) {
		return n, fmt.Errorf("the log's commit carries a note that is not this output's: %.80q", s)
	}
	if err := json.Unmarshal([]byte(s[len(notePrefix):]), &n); err != nil {
		return Note{}, fmt.Errorf("the log's commit carries a note that cannot be read: %w", err)
	}
	if err := dataformat.Check("the note with the log's position", n.Format, noteFormat); err != nil {
		return Note{}, err
	}
	return n, nil
}
