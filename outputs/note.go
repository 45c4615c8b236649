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
}

// cut is a range of positions that makes one object.
type cut struct {
	First  int64  `json:"first"`
	End    int64  `json:"end"`
	Digest string `json:"digest"`
}

const notePrefix = "overflow:"

func (n note) String() string {
	if n == (note{}) {
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
