package deliver

import "time"

// Grace is how long a cancelled flight waits for answers that would spare sending the same records
// twice.
const Grace = 5 * time.Second

const (
	// Brief is how long writes have to return that end with their context.
	Brief = 100 * time.Millisecond
	// silence is for how long a destination that fails has taken nothing once no answer is expected
	// of it.
	silence = time.Second
)

// GracePeriod is how long who was cancelled waits for answers. A destination that was waited for as
// long as failover says, or that fails and has not answered for a while, is not waited for again:
// what it answers later counts all the same.
// h may be nil.
func (s *Sender) GracePeriod(h *Health) time.Duration {
	failing := s.Failure().Since
	var stalled time.Duration
	if h != nil {
		stalled = h.Stalled()
	}
	if !failing.IsZero() && (h == nil || s.Flying.Load() == 0) { // it may be a commit that fails
		stalled = time.Since(failing)
	}
	if o := s.Config.Failover; o != nil && stalled >= o.After {
		return Brief
	}
	if stalled >= silence && !failing.IsZero() {
		return Brief
	}
	return Grace
}
