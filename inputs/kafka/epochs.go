package kafka

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// epochs tell under which leader each record that was read was written. What was read last is
// committed with a position, so that whoever goes on there can ask whether the log is still the one
// that was read: after an unclean election, or on a broker that lost its tail, other records may
// stand at offsets that were passed. Lease.mu guards it.
type epochs []epochFrom

// epochFrom is the epoch of the records from an offset on; -1 if it is not known.
type epochFrom struct {
	offset int64
	epoch  int32
}

// add notes records that were fetched.
func (e *epochs) add(records []*kgo.Record) {
	n := len(records)
	if n == 0 || e.last() == records[n-1].LeaderEpoch {
		return
	}
	for _, r := range records {
		e.from(r.Offset, r.LeaderEpoch)
	}
}

// from notes the epoch from an offset on.
func (e *epochs) from(offset int64, epoch int32) {
	if len(*e) == 0 || e.last() != epoch {
		*e = append(*e, epochFrom{offset, epoch})
	}
}

func (e epochs) last() int32 {
	if len(e) == 0 {
		return -1
	}
	return e[len(e)-1].epoch
}

// before returns the epoch of the last record before pos.
func (e epochs) before(pos int64) int32 {
	for i := len(e) - 1; i >= 0; i-- {
		if e[i].offset < pos {
			return e[i].epoch
		}
	}
	return -1
}

// seekTo forgets what is read again from pos on.
func (e *epochs) seekTo(pos int64) {
	for n := len(*e); n > 0 && (*e)[n-1].offset >= pos; n = len(*e) {
		*e = (*e)[:n-1]
	}
}

// forget drops what no position from pos on needs.
func (e *epochs) forget(pos int64) {
	for len(*e) > 1 && (*e)[1].offset < pos {
		*e = (*e)[1:]
	}
}

// rewritten is where a log ceases to be the one that was read, and the error that says so.
type rewritten struct {
	from int64
	err  error
}

// fail ends reading, for as long as the lease stands, unless it goes on where the log is what was
// read. Caller holds mu.
func (l *Lease) fail(from int64, err error) {
	l.failure, l.rewritten = err, &rewritten{from, err}
}

// otherRecords says that records up to at were read and are not in the log any more.
func otherRecords(name string, at, from int64) error {
	return fmt.Errorf(
		"%s: the brokers have lost the records from %d on, which were read up to %d, and others stand there now, or will: an "+
			"election was unclean, or a broker came back without its last records; what was written there since has not been "+
			"read: stop the group and set its offset for the partition to %d to read it, or to %d to leave it out",
		name, from, at, from, at,
	)
}
