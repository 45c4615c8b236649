package protocol

import (
	"encoding/json"
	"fmt"

	"github.com/penstock/penstock/buffer/record"
)

// noteVersion is the format of notes that this program writes; it reads this one and older ones.
const noteVersion = 1

// Progress is how far a log has come in event time. Both are milliseconds since the Unix epoch, 0 when unknown, and only grow.
type Progress struct {
	Watermark int64 `json:"wm,omitempty"`   // no record at or after the committed position is expected to be older
	Completed int64 `json:"done,omitempty"` // time partitions that end by then have been published as complete
}

// Intent names the one cut that may be uploaded next.
type Intent struct {
	Start   int64  `json:"start"`
	End     int64  `json:"end"`
	Config  string `json:"cfg"`   // hash of all settings that decide the names and contents of files
	Files   int    `json:"files"` // files of the cut
	Records int64  `json:"n"`
	Digest  string `json:"sum"` // of the files' paths, records and their order
}

// Note is what stands beside a committed position.
type Note struct {
	Progress
	Intent *Intent
}

type wireNote struct {
	Version int `json:"penstock"`
	Progress
	Intent *Intent `json:"intent,omitempty"`
}

// Encode returns the note as compact JSON: {"penstock":1,"wm":...,"done":...,"intent":{...}}.
func (n Note) Encode() string {
	b, err := json.Marshal(wireNote{noteVersion, n.Progress, n.Intent})
	if err != nil || len(b) > record.MaxNote {
		panic(fmt.Sprintf("archive note of %d bytes: %v", len(b), err)) // numbers and two hashes: some 250 bytes
	}
	return string(b)
}

// ParseNote reads a note. What another program wrote there is no note of ours: ok is false and the note is empty. A note of a
// later version is an error: it may hold an intent.
func ParseNote(s string) (n Note, ok bool, err error) {
	var w wireNote
	if json.Unmarshal([]byte(s), &w) != nil || w.Version == 0 {
		return Note{}, false, nil
	}
	if w.Version > noteVersion {
		return Note{}, false, fmt.Errorf("the committed note has version %d, this program knows %d: upgrade penstock on this host", w.Version, noteVersion)
	}
	return Note{w.Progress, w.Intent}, true, nil
}
