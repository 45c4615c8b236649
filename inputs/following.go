package inputs

import "time"

// Follower is implemented by inputs that follow files.
type Follower interface {
	// Following tells what is followed; ok is false while the input has not looked yet. Safe for
	// concurrent use.
	Following() (f Following, ok bool)
}

// Following is what an input of files has to do with.
type Following struct {
	Files  int
	Lag    int64 // bytes not taken yet
	Held   int64 // events that wait for what belongs to them
	Unread []Unread
}

// Unread is a file or directory that cannot be read; it is tried again.
type Unread struct {
	Path, Why, Do string
	Since         time.Time
}

// Lagging is implemented by sources that know how far they are behind.
type Lagging interface {
	// Behind tells how far; ok is false while that is not known. Safe for concurrent use.
	Behind() (b Behind, ok bool)
}

// Behind is how far a source is behind the ends of its logs.
type Behind struct {
	Partitions  int           // that are read here
	Records     int64         // not read yet
	Uncommitted int64         // not read, or not delivered
	Age         time.Duration // of what was last read of the partition that is furthest behind
}
