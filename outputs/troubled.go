package outputs

import "time"

// Troubled is implemented by writers that try again, on their own, what they were given: the drain
// loop hears of it only when a batch is given back, which may be long after.
type Troubled interface {
	// Trouble tells what is failing at the moment; Since is zero if nothing is.
	Trouble() Trouble
}

// Trouble is something that fails and is tried again.
type Trouble struct {
	Since time.Time
	Error string // the latest
	Do    string // what a person can do about it
}
