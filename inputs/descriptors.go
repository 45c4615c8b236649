package inputs

import (
	"math"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Descriptors shares out the process's open files to inputs that could hold any number of them.
// Outputs, the buffer and connections go first: what is held for inputs gives way before they run
// out. All methods are safe for concurrent use.
type Descriptors struct {
	limit func() int          // of the process
	used  func(limit int) int // by the process
	now   func() time.Time

	mu     sync.Mutex
	held   int       // by inputs
	most   int       // that they may hold
	looked time.Time // when most was found out
	tight  time.Time // until then most does not grow
}

const (
	fewest    = 8 // files that inputs may hold, whatever happens
	lookEvery = time.Second
	tightFor  = 10 * time.Second
	// beyond so many descriptors the half that inputs leave is enough for everything else
	countable = 1 << 14
)

// NewDescriptors raises the process's limit of open files as far as it may and shares out what
// there is.
func NewDescriptors() *Descriptors {
	raiseLimit()
	return DescriptorsOf(limitOfFiles, openFiles)
}

// DescriptorsOf shares out what limit and used tell.
func DescriptorsOf(limit func() int, used func(limit int) int) *Descriptors {
	return &Descriptors{limit: limit, used: used, now: time.Now}
}

// raiseLimit does what Go's runtime does at the start of most programs, if it has not.
func raiseLimit() {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) == nil && l.Cur < l.Max {
		l.Cur = l.Max
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &l) // there is the old one
	}
}

func limitOfFiles() int {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil || l.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(l.Cur)
}

// openFiles counts the descriptors below limit that are open.
func openFiles(limit int) int {
	if limit > countable {
		return 0
	}
	fds := make([]unix.PollFd, limit)
	for i := range fds {
		fds[i].Fd = int32(i)
	}
	if _, err := unix.Poll(fds, 0); err != nil {
		return 0 // next time
	}
	n := 0
	for i := range fds {
		if fds[i].Revents&unix.POLLNVAL == 0 {
			n++
		}
	}
	return n
}

// Limit returns the process's limit of open files.
func (d *Descriptors) Limit() int { return d.limit() }

// Take counts a file that is opened.
func (d *Descriptors) Take() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held++
}

// Give counts a file that was closed.
func (d *Descriptors) Give() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held--
}

// Excess returns how many files more are held than may be; below 0, how many more may be held.
func (d *Descriptors) Excess() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.held - d.mostLocked()
}

// Short notes that a file could not be opened because there were too many.
func (d *Descriptors) Short() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look()
	d.most = max(fewest, min(d.most, d.held-d.held/4))
	d.tight = d.now().Add(tightFor)
}

// Most returns how many files inputs may hold at present.
func (d *Descriptors) Most() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mostLocked()
}

func (d *Descriptors) mostLocked() int {
	if d.now().Sub(d.looked) >= lookEvery {
		d.look()
	}
	return d.most
}

// look finds out what inputs may hold: half of the limit, and less when the rest of the process
// needs more than the other half.
func (d *Descriptors) look() {
	d.looked = d.now()
	limit := d.limit()
	spare := max(16, min(limit/8, 256))
	free := limit - d.used(limit)
	most := max(fewest, min(limit/2, d.held+free-spare))
	if d.looked.Before(d.tight) {
		most = min(most, d.most)
	}
	d.most = most
}
