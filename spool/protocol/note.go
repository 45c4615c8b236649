package protocol

import (
	"encoding/json"
	"fmt"

	"github.com/penstock/penstock/buffer/record"
)

// noteVersion is the latest format of notes; this program reads it and older ones. It writes
// livesVersion where that is needed, and else 1, so that earlier releases in the same group go on.
const noteVersion = livesVersion

// livesVersion is the first that knows lives. Who does not would make the intent of a log with one
// good under other names.
const livesVersion = 2

// Progress is how far a log has come in event time. All are milliseconds since the Unix epoch, 0
// when unknown.
type Progress struct {
	// no record at or after the committed position is expected to be older
	Watermark int64 `json:"wm,omitempty"`
	// time partitions that end by then have been marked as complete
	Completed int64 `json:"done,omitempty"`
	// well before the first event of the log: where completeness begins
	First int64 `json:"first,omitempty"`
	// hooks have succeeded for time partitions that end by then; 0 for all that are marked
	HooksDone int64 `json:"told,omitempty"`
}

// Intent names the one cut that may be uploaded next.
type Intent struct {
	Start int64 `json:"start"`
	End   int64 `json:"end"`
	// hash of all settings that decide the names and contents of files
	Config  string `json:"cfg"`
	Files   int    `json:"files"` // files of the cut
	Records int64  `json:"n"`
	Digest  string `json:"sum"` // of the files' paths, records and their order
}

// Note is what stands beside a committed position.
type Note struct {
	Progress
	Intent *Intent

	// Life is in the names of the log's objects, so that they are told from those of an earlier
	// life of a log of the same name. It is chosen when the log is archived for the first time, and
	// then stays. It is empty for a log that an earlier release began.
	Life string
}

type wireNote struct {
	Version int `json:"penstock"`
	Progress
	Life   string  `json:"life,omitempty"`
	Intent *Intent `json:"intent,omitempty"`
}

// Encode returns the note as compact JSON:
// {"penstock":1,"wm":...,"done":...,"life":"...","intent":{...}}.
func (n Note) Encode() string {
	w := wireNote{1, n.Progress, n.Life, n.Intent}
	if n.Life != "" && n.Intent != nil {
		w.Version = livesVersion
	}
	b, err := json.Marshal(w)
	if err != nil || len(b) > record.MaxNote {
		// numbers and two hashes: some 250 bytes
		panic(fmt.Sprintf("archive note of %d bytes: %v", len(b), err))
	}
	return string(b)
}

// ParseNote reads a note. What another program wrote there is no note of ours: ok is false and the
// note is empty. A note of a later version is an error: it may hold an intent.
func ParseNote(s string) (n Note, ok bool, err error) {
	var w wireNote
	if json.Unmarshal([]byte(s), &w) != nil || w.Version == 0 {
		return Note{}, false, nil
	}
	if w.Version > noteVersion {
		return Note{}, false, fmt.Errorf(
			"the committed note has version %d, this program knows %d: upgrade penstock on this host",
			w.Version, noteVersion,
		)
	}
	return Note{w.Progress, w.Intent, w.Life}, true, nil
}
