package ledger

import (
	"cmp"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/penstock/penstock/buffer/record/tally"
)

// maxRows bounds what is counted and not published yet. With more, the oldest hour is given up: the
// reader knows its records by the positions between those that are counted.
const maxRows = 50_000

// Counter counts what an agent reads from logs that are no buffer, by the minute of the commit. It
// forgets what is published. Its counts end with the agent's run: what was committed and not
// published is missing in the positions, too, and so known. Safe for concurrent use.
type Counter struct {
	mu     sync.Mutex
	rows   map[rowKey]*tally.Line
	ranges map[rangeKey]*Range
	logs   map[logKey]*LogCounter
}

type logKey struct{ pipeline, log, output string }

type rowKey struct {
	logKey
	minute time.Time
}

type rangeKey struct {
	logKey
	hour  time.Time
	start int64 // of what is counted without a hole
}

// NewCounter returns one that has counted nothing.
func NewCounter() *Counter {
	return &Counter{
		rows: map[rowKey]*tally.Line{}, ranges: map[rangeKey]*Range{},
		logs: map[logKey]*LogCounter{},
	}
}

// LogCounter counts for one owner of a log.
type LogCounter struct {
	c       *Counter
	key     logKey
	end     func() int64 // of the log, as last heard; may be nil
	start   int64        // counted from there
	pos     int64        // committed
	pending []tally.Entry
}

// Log begins to count a log from pos, in place of who counted it before.
func (c *Counter) Log(
	pipeline, log, output string, pos int64, end func() int64,
) *LogCounter {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := &LogCounter{c: c, key: logKey{pipeline, log, output}, end: end, start: pos, pos: pos}
	c.logs[l.key] = l
	return l
}

// Close tells that the log is not read here any more.
func (l *LogCounter) Close() {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	if l.c.logs[l.key] == l {
		delete(l.c.logs, l.key)
	}
}

// Note implements tally.Keeper's.
func (l *LogCounter) Note(entries ...tally.Entry) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	for _, e := range entries {
		if e.End > e.First && e.End > l.pos && e.First < l.pos { // its first part is committed
			e.Records = e.Records * (e.End - l.pos) / (e.End - e.First)
		}
		l.pending = append(l.pending, e)
	}
}

// Rewind forgets what was noted of records that are read again.
func (l *LogCounter) Rewind(pos int64) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	l.pending = slices.DeleteFunc(l.pending, func(e tally.Entry) bool { return e.End > pos })
}

// Skip tells that everything before pos is dealt with and was not noted: it is as if somebody else
// had counted it.
func (l *LogCounter) Skip(pos int64) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	if pos > l.pos {
		l.start, l.pos, l.pending = pos, pos, nil
	}
}

// Committed counts what was noted before pos, which is committed now.
func (l *LogCounter) Committed(pos int64, now time.Time) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	if pos <= l.pos {
		return
	}
	at := rangeKey{l.key, now.UTC().Truncate(time.Hour), l.start}
	r := l.c.ranges[at]
	if r == nil {
		l.c.bound()
		r = &Range{Log: l.key.log, First: l.pos}
		l.c.ranges[at] = r
	}
	r.First, r.End = min(r.First, l.pos), max(r.End, pos)
	l.pos = pos
	l.pending = slices.DeleteFunc(l.pending, func(e tally.Entry) bool {
		if e.End > pos {
			return false
		}
		l.c.count(l.key, now, e)
		return true
	})
}

func (c *Counter) count(key logKey, now time.Time, e tally.Entry) {
	if e.Records == 0 {
		return
	}
	at := rowKey{key, now.UTC().Truncate(time.Minute)}
	row := c.rows[at]
	if row == nil {
		row = &tally.Line{
			Pipeline: key.pipeline, From: at.minute, Span: time.Minute, Origin: key.log,
			Output: key.output, Counts: map[string]tally.Count{},
		}
		c.rows[at] = row
	}
	stages := []string{e.Stage.String()}
	if e.Stage == tally.Taken { // there is nothing in between
		stages = append(stages, tally.Read.String(), tally.Buffered.String())
	}
	for _, s := range stages {
		row.Counts[s] = row.Counts[s].Plus(e.Count)
	}
}

// bound gives the oldest hour up when there is too much.
func (c *Counter) bound() {
	if len(c.rows) < maxRows {
		return
	}
	var oldest time.Time
	for k := range c.ranges {
		if oldest.IsZero() || k.hour.Before(oldest) {
			oldest = k.hour
		}
	}
	for k := range c.ranges {
		if k.hour.Equal(oldest) {
			c.forget(k.pipeline, oldest)
		}
	}
}

// Forget forgets a page that is published, and whose hour is over.
func (c *Counter) Forget(pipeline string, hour time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(pipeline, hour)
}

func (c *Counter) forget(pipeline string, hour time.Time) {
	for k := range c.rows {
		if k.pipeline == pipeline && k.minute.Truncate(time.Hour).Equal(hour) {
			delete(c.rows, k)
		}
	}
	for k := range c.ranges {
		if k.pipeline == pipeline && k.hour.Equal(hour) {
			delete(c.ranges, k)
		}
	}
}

// States returns what a pipeline's pages are to hold, by hour; that of now's hour is always there.
func (c *Counter) States(pipeline string, now time.Time) map[time.Time]*State {
	c.mu.Lock()
	defer c.mu.Unlock()
	this := now.UTC().Truncate(time.Hour)
	out := map[time.Time]*State{this: {}}
	at := func(hour time.Time) *State {
		if out[hour] == nil {
			out[hour] = &State{}
		}
		return out[hour]
	}
	for k, row := range c.rows {
		if k.pipeline == pipeline {
			copied := *row
			copied.Counts = map[string]tally.Count{}
			for s, n := range row.Counts {
				copied.Counts[s] = n
			}
			s := at(k.minute.Truncate(time.Hour))
			s.Lines = append(s.Lines, copied)
		}
	}
	for k, r := range c.ranges {
		if k.pipeline == pipeline {
			s := at(k.hour)
			s.Ranges = append(s.Ranges, *r)
		}
	}
	for k, l := range c.logs { // what waits is told with this hour, whatever is counted in it
		if k.pipeline != pipeline || l.end == nil {
			continue
		}
		out[this].Ranges = append(out[this].Ranges, Range{
			Log: k.log, First: l.pos, End: l.pos, Waiting: max(l.end()-l.pos, 0),
		})
	}
	for _, s := range out {
		sortLines(s.Lines)
		sort.Slice(s.Ranges, func(i, j int) bool {
			x, y := &s.Ranges[i], &s.Ranges[j]
			return cmp.Or(
				cmp.Compare(x.Log, y.Log), cmp.Compare(x.First, y.First), cmp.Compare(x.End, y.End),
			) < 0
		})
	}
	return out
}

func sortLines(lines []tally.Line) {
	sort.Slice(lines, func(i, j int) bool {
		x, y := &lines[i], &lines[j]
		return cmp.Or(
			x.From.Compare(y.From), cmp.Compare(x.Origin, y.Origin),
			cmp.Compare(x.Output, y.Output),
		) < 0
	})
}
