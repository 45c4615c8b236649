package outputs

import "time"

// FailureReporter is implemented by writers that try again, on their own, what they were given: the
// drain loop hears of it only when a batch is given back, which may be long after.
type FailureReporter interface {
	// Failure tells what is failing at the moment; Since is zero if nothing is.
	Failure() Failure
}

// Failure is something that fails and is tried again.
type Failure struct {
	Since time.Time
	Error string // the latest
	Do    string // what a person can do about it
	// the latest error is an answer of the destination
	HasAnswered bool
}
