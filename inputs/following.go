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

// FileLister is a Follower that tells of each file.
type FileLister interface {
	// Files returns up to most of the files that are followed, those first of which most is not
	// taken yet, and of the others those that changed last; and of how many something is not. Safe
	// for concurrent use.
	Files(most int) (first []File, behind int)
}

// File is one that is followed.
type File struct {
	Path       string
	Lag        int64     // bytes not taken yet; 0 where the file is compressed
	Changed    time.Time // when it did last, as far as known
	Compressed bool
}

// Unread is a file or directory that cannot be read; it is tried again.
type Unread struct {
	Path, Why, Do string
	Since         time.Time
}

// Failing is implemented by sources that know whether what they read from answers.
type Failing interface {
	// Failing tells since when it does not; the zero Failure is that it does. Safe for concurrent
	// use.
	Failing() Failure
}

// Failure is why a source does not answer.
type Failure struct {
	Since  time.Time
	Error  string
	Do     string // what a person can do about it
	InPart bool   // some of it does answer
	// it answers, and does not give what is asked for
	Refused bool
}

// Lagging is implemented by sources that know how far they are behind.
type Lagging interface {
	// Behind tells how far; ok is false while that is not known. Safe for concurrent use.
	Behind() (b Behind, ok bool)
	// Lags tells of each partition, of those first that are most behind. Safe for concurrent use.
	Lags() []Lag
}

// Lag is how far a partition is behind its end.
type Lag struct {
	Topic       string
	Partition   int32
	Records     int64         // not read
	Uncommitted int64         // not read, or not delivered
	Age         time.Duration // of what was last read; 0 when all is
}

// Behind is how far a source is behind the ends of its logs.
type Behind struct {
	Partitions  int           // that are read here
	Records     int64         // not read yet
	Uncommitted int64         // not read, or not delivered
	Age         time.Duration // of what was last read of the partition that is furthest behind
	Gone        int64         // since the start, that were taken away before they were read
}
