package inputs

import "time"

// Dropping is implemented by inputs from which something may be taken away before they read it.
type Dropping interface {
	// Dropped tells what was of late; the zero Drops is nothing. Safe for concurrent use.
	Dropped() Drops
}

// Drops is what was taken away before it was read.
type Drops struct {
	Count   int64     // in the last minute
	Since   time.Time // it goes on, with less than a minute in between
	Of, Why string    // "datagrams", and who dropped them
	Do      string    // what a person can do about it
}
