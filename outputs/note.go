package outputs

import (
	"encoding/json"
	"fmt"
	"strings"
)

// note is what a log's commit note says about overflow. It is empty while there is none.
type note struct {
	// Objects tells that objects of this log may wait in the store. It is set before the first is put, so that a restart knows that it must ask the store
	// before anything newer goes out, and otherwise need not.
	Objects bool `json:"objects,omitempty"`
	// Intent is the cut that begins at the committed position and is about to be stored, or was: it is made again, exactly so.
	Intent *cut `json:"intent,omitempty"`
	// Void is a cut whose object may have been stored although its records then went to the destination: it is
	// deleted, not replayed.
	Void *cut `json:"void,omitempty"`
	// Base and To are where all of these are: what the names begin with, and in which output's store. An agent, output or prefix that is
	// renamed goes on there until nothing waits any more.
	Base string `json:"base,omitempty"`
	To   string `json:"to,omitempty"`

	// Only with transactions.

	// Log is what the log is known by in committed positions: another buffer, such as one begun anew after a lost disk, has another.
	Log string `json:"log,omitempty"`
	// Held tells that the destination has held a position of this log: it is missed where it is gone.
	Held bool `json:"held,omitempty"`
	// Replay is how far the replay had come when it last began or stopped; nil while none is under way.
	Replay *replayed `json:"replay,omitempty"`
	// Doubt is where the log was when records began to move to the store while it was not known how far the destination has committed.
	Doubt *int64 `json:"doubt,omitempty"`
	// Skip are records that the destination turned out to have: where they are in the overflow, they are not replayed.
	Skip []span `json:"skip,omitempty"`
}

// replayed is how far an object has been replayed in committed transactions.
type replayed struct {
	Object string `json:"object,omitempty"`
	Digest string `json:"digest,omitempty"`
	At     int64  `json:"at,omitempty"`
}

// span is the positions from From up to To.
type span struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// maxSkips bounds note.Skip, for the note's size.
const maxSkips = 60

func (n note) empty() bool {
	return !n.Objects && n.Intent == nil && n.Void == nil && n.Log == "" && !n.Held && n.Replay == nil && n.Doubt == nil && len(n.Skip) == 0
}

// stored tells whether something of the log is in the store, or may be.
func (n note) stored() bool { return n.Objects || n.Intent != nil || n.Void != nil }

// skips tells whether the record at pos is not to be replayed.
func (n note) skips(pos int64) bool {
	for _, s := range n.Skip {
		if s.From <= pos && pos < s.To {
			return true
		}
	}
	return false
}

// cut is a range of positions that makes one object.
type cut struct {
	First  int64  `json:"first"`
	End    int64  `json:"end"`
	Digest string `json:"digest"`
}

const notePrefix = "overflow:"

func (n note) String() string {
	if !n.stored() {
		n.Base, n.To = "", ""
	}
	if n.empty() {
		return ""
	}
	p, _ := json.Marshal(n)
	return notePrefix + string(p)
}

// parseNote reads a note. The error is for one that is not an output's, such as other Kafka clients leave in commits.
func parseNote(s string) (note, error) {
	var n note
	if s == "" {
		return n, nil
	}
	if !strings.HasPrefix(s, notePrefix) {
		return n, fmt.Errorf("the log's commit carries a note that is not this output's: %.80q", s)
	}
	if err := json.Unmarshal([]byte(s[len(notePrefix):]), &n); err != nil {
		return note{}, fmt.Errorf("the log's commit carries a note that cannot be read: %w", err)
	}
	return n, nil
}
