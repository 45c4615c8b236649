package tail

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/inputs"
)

// startedKey is the key of the position that tells that the input has run before.
const startedKey = "started"

// position is what is stored for a file, as JSON. The file's key names one generation of its
// content: a truncated file goes on under a new one.
type position struct {
	Path   string `json:"path"`             // where it was last seen
	Real   string `json:"real,omitempty"`   // the same without symbolic links, if that is elsewhere
	Origin string `json:"origin,omitempty"` // where it was first seen, if elsewhere
	Dev    uint64 `json:"dev"`
	Ino    uint64 `json:"ino"`
	Birth  int64  `json:"birth,omitempty"`
	// after the last delivered line, of the decompressed bytes for a compressed file
	Off  int64 `json:"off"`
	Skip bool  `json:"skip,omitempty"` // Off lies within a long line whose rest is to be skipped
	// of the log of a container: where what has been delivered of each stream ends, if that is
	// behind Off
	Upto []int64     `json:"upto,omitempty"`
	Head fingerprint `json:"head"`
	Tail fingerprint `json:"tail"`
	Done bool        `json:"done,omitempty"` // a compressed file has been read to its end
	// Unix time at which this content was last looked for and not found
	Gone int64 `json:"gone,omitempty"`
	// the file was truncated: it may still be there, but this content is not in it
	Trunc bool `json:"trunc,omitempty"`
	// the file was made as a copy of another: what is in it is older than the file
	Copy bool `json:"copy,omitempty"`
	// of a compressed file, whose birth tells nothing of what is in it: a time up to which that was
	// written to, as far as it is known
	Written int64 `json:"written,omitempty"`
	// a mark has told that it is UTF-16 with the high byte first: what follows a truncation may
	// have none
	BigEndian bool `json:"big_endian,omitempty"`
	key       string
}

func (p *position) origin() string {
	if p.Origin != "" {
		return p.Origin
	}
	return p.Path
}

// real returns where the file was last seen, without symbolic links.
func (p *position) real() string {
	if p.Real != "" {
		return p.Real
	}
	return p.Path
}

// compressed reports whether p is that of a compressed file.
func (p *position) compressed() bool {
	return p.Done || p.Written != 0 || uncompressedName(p.Path) != p.Path
}

// writtenTo returns a time up to which what p tells of was written to, as far as it is known: when
// the file was made, unless as a copy or in compressing another.
func (p *position) writtenTo() int64 {
	switch {
	case p.Written != 0:
		return p.Written
	case p.Copy || p.compressed():
		return 0
	}
	return p.Birth
}

func (p *position) id() ident                  { return ident{p.Dev, p.Ino} }
func (p *position) fingerprints() fingerprints { return fingerprints{p.Off, p.Head, p.Tail} }

// stored returns p as an input's position.
func (p *position) stored() inputs.Position {
	v, err := json.Marshal(p)
	if err != nil {
		panic(err) // no field of it can fail
	}
	return inputs.Position{Key: p.key, Value: v}
}

func encodePositions(all []*position) []inputs.Position {
	out := make([]inputs.Position, len(all))
	for i, p := range all {
		out[i] = p.stored()
	}
	return out
}

// newKey returns a key for a file that is first seen now.
func newKey(id ident, now time.Time) string {
	return fmt.Sprintf("%x-%x-%x", id.dev, id.ino, now.UnixNano())
}

// Inherit implements inputs.Heir: a file that was read under another name of the input is read on.
// Where files begin that were not is for start_at to say, as at any first start.
func (*Tail) Inherit(positions map[string][]byte) (out []inputs.Position) {
	for key, value := range positions {
		if key != startedKey {
			out = append(out, inputs.Position{Key: key, Value: value})
		}
	}
	return out
}

// decodePositions reads what stored made. Values that make no sense are left out and reported.
func decodePositions(stored map[string][]byte) (all []*position, started bool, bad []error) {
	for key, value := range stored {
		if key == startedKey {
			started = true
			continue
		}
		p := &position{key: key}
		if err := json.Unmarshal(value, p); err != nil {
			bad = append(bad, fmt.Errorf("position %q: %w", key, err))
			continue
		}
		if p.Off < 0 || p.Head.N < 0 || p.Head.N > headSize || p.Tail.N < 0 ||
			p.Tail.N > tailSize || len(p.Upto) > streams ||
			p.Path == "" {
			bad = append(bad, fmt.Errorf("position %q makes no sense: %s", key, value))
			continue
		}
		all = append(all, p)
	}
	slices.SortFunc(all, byKey)
	return all, started, bad
}

// byKey orders positions by when their content was first seen.
func byKey(a, b *position) int {
	since := func(p *position) string { return p.key[strings.LastIndexByte(p.key, '-')+1:] }
	return cmp.Or(
		cmp.Compare(len(since(a)), len(since(b))), cmp.Compare(since(a), since(b)),
		cmp.Compare(a.key, b.key),
	)
}
