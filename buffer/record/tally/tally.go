package tally

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"
)

// Stage is what has become of records.
type Stage uint8

const (
	Read Stage = iota
	Buffered
	// Those below are of one output each.
	Taken
	Unmatched
	Filtered
	Added
	Delivered
	Confirmed
	Again
	Overflowed
	Replayed
	Dead

	Stages = iota
)

var stageNames = [Stages]string{
	"read", "buffered", "taken", "unmatched", "filtered", "added", "delivered", "confirmed",
	"again", "overflowed", "replayed", "dead",
}

func (s Stage) String() string { return stageNames[s] }

// Count is a number of records and their bytes, before compression and give or take a few a record.
type Count struct {
	Records int64 `json:"records"`
	Bytes   int64 `json:"bytes"`
}

// Plus returns the sum.
func (c Count) Plus(d Count) Count { return Count{c.Records + d.Records, c.Bytes + d.Bytes} }

// Entry says what has become of the records of a log from First up to End, which share an origin.
type Entry struct {
	Stage      Stage
	Origin     string
	First, End int64
	Count
}

// Keeper is implemented by logs that keep counts.
type Keeper interface {
	// Note takes note of what an output has done with records. It is stored with the first commit
	// of a position that is not before an entry's End, and forgotten when the log is read again
	// from before there. Replayed records have left the log: they are stored with the next write,
	// whatever that is. The slice is the caller's.
	Note(entries ...Entry)
	// Confirm notes as confirmed what stands in the log from the committed position up to pos, for
	// an output that is about to commit pos because the destination has it all. It reads the log.
	Confirm(ctx context.Context, pos int64) error
}

// Cell is one count of a row.
type Cell struct {
	Output uint32 // a number for its name; 0 for Read and Buffered
	Stage  Stage
	Count
}

// Row is what is known of the records of one origin that were read in one minute, or hour.
type Row []Cell

// Add adds n to a count.
func (r *Row) Add(output uint32, s Stage, n Count) {
	for i := range *r {
		if c := &(*r)[i]; c.Output == output && c.Stage == s {
			c.Count = c.Plus(n)
			return
		}
	}
	*r = append(*r, Cell{output, s, n})
}

// Merge adds all of another row.
func (r *Row) Merge(o Row) {
	for _, c := range o {
		r.Add(c.Output, c.Stage, c.Count)
	}
}

// Get returns a count.
func (r Row) Get(output uint32, s Stage) Count {
	for i := range r {
		if c := &r[i]; c.Output == output && c.Stage == s {
			return c.Count
		}
	}
	return Count{}
}

// Append appends the row as bytes. It writes, of each cell that is not zero, output, stage, and
// whether its count is that of the cell before in one number, and if it is not, records and bytes,
// as unsigned varints. Cells stand in the order of outputs and stages.
func (r Row) Append(dst []byte) []byte {
	slices.SortFunc(r, func(x, y Cell) int { return cmp.Compare(x.id(), y.id()) })
	var before Count
	for i := range r {
		c := &r[i]
		switch c.Count {
		case Count{}:
			continue
		case before:
			dst = binary.AppendUvarint(dst, c.id()<<1|1)
			continue
		}
		before = c.Count
		dst = binary.AppendUvarint(dst, c.id()<<1)
		dst = binary.AppendUvarint(dst, uint64(c.Records))
		dst = binary.AppendUvarint(dst, uint64(c.Bytes))
	}
	return dst
}

func (c *Cell) id() uint64 { return uint64(c.Output)<<4 | uint64(c.Stage) }

var errRow = errors.New("a row of counts does not read back")

// ParseRow reads what Append has written. Stages that this release does not know are passed over.
func ParseRow(p []byte) (Row, error) {
	row := make(Row, 0, 8)
	var err error
	next := func() uint64 {
		n, w := binary.Uvarint(p)
		if w <= 0 {
			err, p = errRow, nil
			return 0
		}
		p = p[w:]
		return n
	}
	var before Count
	for len(p) > 0 {
		id := next()
		c := Cell{Output: uint32(id >> 5), Stage: Stage(id >> 1 & 15), Count: before}
		if id&1 == 0 {
			c.Records, c.Bytes = int64(next()), int64(next())
			before = c.Count
		}
		if err != nil {
			return nil, err
		}
		if c.Stage < Stages {
			row.Add(c.Output, c.Stage, c.Count)
		}
	}
	return row, nil
}
