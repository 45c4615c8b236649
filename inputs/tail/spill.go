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

func (r *run) spill(reason string) {
	if s, ok := r.sink.(inputs.Spiller); ok {
		s.Spill(reason)
	}
}
