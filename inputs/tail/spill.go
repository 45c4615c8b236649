package tail

import "github.com/penstock/penstock/inputs"

// Replayable implements inputs.Replayer: what is read from a regular file comes with a position,
// and can be read again from there.
func (t *Tail) Replayable() bool { return true }

// Why what was read is to be written to disk: the file may be gone when the agent is started next.
const (
	spillRotated   = "rotated" // or deleted
	spillTruncated = "truncated"
)

// astray reports whether the next start might not find f, which is still read: it has no name any
// more, or was rotated and is not where it was last seen.
func (r *run) astray(f *file) bool {
	if f.links.Load() == 1 {
		return true
	}
	if !f.left.Load() {
		return false
	}
	fi, err := r.tail.sys.stat(f.where())
	return err != nil || !fi.is(f.id, f.birth)
}

func (r *run) spill(reason string) {
	if s, ok := r.sink.(inputs.Spiller); ok {
		s.Spill(reason)
	}
}
