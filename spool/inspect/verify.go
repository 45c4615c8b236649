package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/format"
)

// Options say what is verified.
type Options struct {
	Prefix     string  // of keys
	Topic      string  // "" for all
	Partitions []int32 // of Topic; none for all
	// only objects of this life of the topic, NoLife for those without; "" for all
	Life string
	Open []Open // cuts that are known to be begun and not finished
	// is asked once all objects are listed for what was archived meanwhile, of which some may have
	// been missed; nil for nothing
	Moved      func() []Open
	Archived   map[string]int64 // up to where logs are known to be archived
	From, To   int64            // positions; To 0 means to the end
	Begins     bool             // at From, 0 too: what is missing before the first object is a gap
	Deep       bool             // read the contents
	OnProgress func(done, total int)
}

// Open is a cut that is begun and not finished, as the note of its log says, or a range of them.
type Open struct {
	Log        string
	Start, End int64
	Detail     string
}

// Problem is something that is not as it should be.
type Problem struct {
	// overlap, count, range, name, order, duplicate, place, unreadable, unknown, lost, incomplete,
	// life
	Kind   string
	Log    string
	Key    string
	Detail string
}

// Gap is a range of positions between two cuts that no object covers. It is a loss if the log had
// records there, and none if they were control records, or discarded by a filter.
type Gap struct {
	Log        string
	Start, End int64
}

// Report is what Verify found.
type Report struct {
	Objects  int
	Cuts     int
	Records  int64 // as the metadata say, or the contents where they do not
	Bytes    int64
	Read     int64 // records that were read
	Located  int64 // of those, records that say where they come from, so that they were told apart
	Logs     map[string]*LogReport
	Problems []Problem
	Gaps     []Gap
	Open     []Open `json:",omitempty"` // that a running consumer is about to finish
	// cuts of which only some is below Options.Prefix: the rest is elsewhere, or missing
	Partial int `json:",omitempty"`
}

// LogReport is what there is of one log.
type LogReport struct {
	Start, End int64
	TopicID    string `json:",omitempty"` // of the life of the topic that it is
	Cuts       int
	Objects    int
	Records    int64
}

// Lives returns what there is of a partition, a log for each life of its topic, in the order of
// their names.
func (r *Report) Lives(topic string, partition int32) (out []*LogReport) {
	for _, name := range slices.Sorted(maps.Keys(r.Logs)) {
		if isPartition(name, topic, partition) {
			out = append(out, r.Logs[name])
		}
	}
	return out
}

// OK tells that no problem was found. Gaps are for the caller to judge.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

type verifier struct {
	store spool.Store
	opts  Options
	rep   *Report
	moved []Open
}

func (v *verifier) problem(kind string, o *Object, format string, args ...any) {
	v.rep.Problems = append(
		v.rep.Problems, Problem{kind, o.Log, o.Key, fmt.Sprintf(format, args...)},
	)
}

// Verify checks the objects of an archive against their names and metadata, each other and, with
// Deep, their contents. The error tells that it could not be done; what is wrong with the archive
// is in the report.
func Verify(ctx context.Context, store spool.Store, opts Options) (*Report, error) {
	v := &verifier{store: store, opts: opts, rep: &Report{Logs: map[string]*LogReport{}}}
	all, err := List(ctx, store, opts.Prefix)
	if err != nil {
		return nil, err
	}
	if opts.Moved != nil {
		v.moved = opts.Moved()
	}
	logs := map[string][]*Object{}
	for _, o := range all {
		if v.wanted(o) {
			logs[o.Log] = append(logs[o.Log], o)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(logs)) {
		if err := v.log(ctx, name, logs[name]); err != nil {
			return nil, err
		}
	}
	v.lives(logs)
	return v.rep, nil
}

// lives checks the logs of one partition and one topic ID against each other: a log that an earlier
// release began has no life in its name, and has one where it was archived anew.
func (v *verifier) lives(logs map[string][]*Object) {
	for _, name := range slices.Sorted(maps.Keys(logs)) {
		life := logLife.FindString(name)
		former := strings.TrimSuffix(name, life)
		if life == "" || logs[former] == nil ||
			v.rep.Logs[former].TopicID != v.rep.Logs[name].TopicID || v.rep.Logs[name].TopicID == "" {
			continue
		}
		told := Object{Start: -1}
		rest := logs[former] // both are sorted by now
		for _, o := range logs[name] {
			for len(rest) > 0 && rest[0].End <= o.Start {
				rest = rest[1:]
			}
			if len(rest) == 0 || rest[0].Start >= o.End ||
				o.Start == told.Start && o.End == told.End {
				continue
			}
			told = *o
			v.problem(
				"overlap", o,
				"the cuts [%d, %d) and, of %s, [%d, %d) are of the same topic: records may be there twice",
				o.Start, o.End, former, rest[0].Start, rest[0].End,
			)
		}
	}
}

func (v *verifier) wanted(o *Object) bool {
	if v.opts.Life != "" && LifeOf(o.Key) != v.opts.Life {
		return false
	}
	if v.opts.Topic != "" && !v.ofTopic(o) {
		return false
	}
	if o.Start < 0 {
		return true // to be reported
	}
	return o.End > v.opts.From && (v.opts.To == 0 || o.Start < v.opts.To)
}

func (v *verifier) ofTopic(o *Object) bool {
	if len(v.opts.Partitions) > 0 {
		return slices.ContainsFunc(
			v.opts.Partitions, func(p int32) bool { return isPartition(o.Log, v.opts.Topic, p) },
		)
	}
	_, partition, _, ok := SplitLog(o.Log)
	return ok && isPartition(o.Log, v.opts.Topic, partition)
}

func (v *verifier) log(ctx context.Context, name string, objects []*Object) error {
	slices.SortFunc(objects, func(a, b *Object) int {
		return cmp.Or(
			cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.Key, b.Key),
		)
	})
	lr := &LogReport{Start: -1}
	v.rep.Logs[name] = lr
	var cut []*Object // of one start and end
	for i, o := range objects {
		v.rep.Objects++
		lr.Objects++
		v.rep.Bytes += o.Size
		v.object(o)
		switch {
		case o.TopicID == "":
		case lr.TopicID == "":
			lr.TopicID = o.TopicID
		case lr.TopicID != o.TopicID:
			v.problem(
				"life", o, "it is of the topic with the id %s, others of its log are of %s",
				o.TopicID, lr.TopicID,
			)
		}
		if o.Start < 0 {
			continue
		}
		cut = append(cut, o)
		if i+1 < len(objects) && objects[i+1].Start == o.Start && objects[i+1].End == o.End {
			continue
		}
		v.cut(lr, cut)
		if v.opts.Deep {
			if err := v.deep(ctx, cut); err != nil {
				return err
			}
		}
		for _, o := range cut {
			lr.Records += max(o.Records, 0)
			v.rep.Records += max(o.Records, 0)
		}
		cut = cut[:0]
	}
	if (v.opts.Begins || v.opts.From > 0) && lr.Start > v.opts.From {
		v.rep.Gaps = append(v.rep.Gaps, Gap{name, v.opts.From, lr.Start})
	}
	if to := cmp.Or(v.opts.To, v.opts.Archived[name]); to > lr.End {
		v.rep.Gaps = append(v.rep.Gaps, Gap{name, max(lr.End, v.opts.From), to})
	}
	return nil
}

// object checks one object against itself.
func (v *verifier) object(o *Object) {
	switch {
	case !o.known() && o.Start < 0:
		v.problem("unknown", o, "neither metadata nor name tell which cut it belongs to")
		return
	case o.End <= o.Start:
		v.problem("range", o, "cut [%d, %d) is empty", o.Start, o.End)
	case o.NameStart >= 0 && (o.NameStart != o.Start || o.NameEnd != o.End):
		v.problem(
			"name", o, "the name says [%d, %d), the metadata [%d, %d)", o.NameStart, o.NameEnd,
			o.Start, o.End,
		)
	}
	if o.Records < 0 {
		return // the store keeps no metadata
	}
	switch {
	case o.Records == 0:
		v.problem("count", o, "no records")
	case o.First < o.Start || o.Last >= o.End || o.First > o.Last:
		v.problem(
			"range", o, "records %d to %d are not in [%d, %d)", o.First, o.Last, o.Start, o.End,
		)
	case o.Records > o.Last-o.First+1:
		v.problem("count", o, "%d records cannot be between %d and %d", o.Records, o.First, o.Last)
	}
}

// cut checks the objects of one cut, and the cut against those before.
func (v *verifier) cut(lr *LogReport, cut []*Object) {
	o := cut[0]
	v.rep.Cuts++
	lr.Cuts++
	switch {
	case lr.Start < 0:
		lr.Start = o.Start
	case o.Start < lr.End:
		v.problem(
			"overlap", o,
			"cut [%d, %d) begins before %d, where another ends: records between may be there twice",
			o.Start, o.End, lr.End,
		)
	case o.Start > lr.End:
		v.gap(Gap{o.Log, lr.End, o.Start})
	}
	lr.End = max(lr.End, o.End)
	total := int64(0)
	for _, o := range cut {
		total += max(o.Records, 0)
	}
	v.whole(cut, total)
	if total > o.End-o.Start {
		v.problem(
			"count", o, "%d records in the objects of a cut of %d positions", total, o.End-o.Start,
		)
	}
}

// gap notes a gap, but for what of it was archived while objects were listed.
func (v *verifier) gap(g Gap) {
	for _, m := range v.moved {
		if m.Log == g.Log && m.Start < g.End && g.End <= m.End {
			g.End = m.Start
		}
	}
	if g.Start < g.End {
		v.rep.Gaps = append(v.rep.Gaps, g)
	}
}

// whole checks that all there was of a cut is there. Objects below a prefix may be only some of it.
func (v *verifier) whole(cut []*Object, total int64) {
	objects, records, lost, compacted := -1, int64(-1), int64(0), int64(0)
	for _, o := range cut {
		objects, records = max(objects, o.CutObjects), max(records, o.CutRecords)
		lost, compacted = max(lost, o.CutLost), max(compacted, o.CutCompact)
	}
	if records < 0 {
		return
	}
	o := cut[0]
	missing := records - total
	if v.opts.Prefix != "" {
		if missing > lost+compacted {
			v.rep.Partial++
		}
		return
	}
	switch gone := lost + compacted; {
	case missing > gone:
		if slices.ContainsFunc(v.opts.Open, func(c Open) bool {
			return c.Log == o.Log && c.Start == o.Start && c.End == o.End // it is told of it whole
		}) || slices.ContainsFunc(v.moved, func(c Open) bool {
			return c.Log == o.Log && c.Start <= o.Start && o.End <= c.End
		}) {
			return
		}
		v.problem(
			"incomplete",
			o,
			"%d of %d objects of the cut [%d, %d) are there, and %d of its %d records are in none of them: its upload "+
				"has not ended, or objects were deleted since",
			len(cut),
			objects,
			o.Start,
			o.End,
			missing-gone,
			records,
		)
	case gone == 0 && len(cut) != objects:
		v.problem(
			"count", o, "the cut [%d, %d) has %d objects and was made of %d", o.Start, o.End,
			len(cut), objects,
		)
	}
	if lost > 0 {
		v.problem(
			"lost", o,
			"up to %d records of the cut [%d, %d) were gone from the log, by retention, before they could be stored",
			lost, o.Start, o.End,
		)
	}
}

// deep reads a cut's objects.
func (v *verifier) deep(ctx context.Context, cut []*Object) error {
	seen := newOffsets(cut[0].Start, cut[0].End)
	for _, o := range cut {
		records, last := int64(0), int64(-1)
		topic, partition, _, partitioned := SplitLog(o.Log)
		err := Read(ctx, v.store, o.Key, func(e *format.Entry) error {
			records++
			if !e.Located {
				return nil
			}
			v.rep.Located++
			switch {
			case !seen.add(e.Offset):
				v.problem("duplicate", o, "record %d is there twice in the cut", e.Offset)
			case e.Offset <= last:
				v.problem("order", o, "record %d comes after %d", e.Offset, last)
			case e.Offset < o.Start || e.Offset >= o.End:
				v.problem("range", o, "record %d is not in [%d, %d)", e.Offset, o.Start, o.End)
			case partitioned && e.Topic != "" && !isPartition(o.Log, e.Topic, e.Partition):
				v.problem(
					"place", o, "record %d is of %s/%d, the object of %s/%d", e.Offset, e.Topic,
					e.Partition, topic, partition,
				)
			}
			last = e.Offset
			return nil
		})
		v.rep.Read += records
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case errors.Is(err, spool.ErrNotFound):
			v.problem("unreadable", o, "it vanished meanwhile")
		case err != nil:
			v.problem("unreadable", o, "%v", err)
		case o.Records < 0:
			o.Records = records
		case records != o.Records && format.Kind(o.Key) == "delimited" && records == o.Records+1:
			v.rep.Read-- // its header
		case records != o.Records:
			v.problem("count", o, "it holds %d records, its metadata says %d", records, o.Records)
		}
	}
	return nil
}

// offsets is a set of positions in a cut, one bit each, of those stretches that have any: a
// compacted log, or damaged metadata, can make a cut of few records as wide as can be.
type offsets struct {
	start, end int64
	stretches  map[int64]*stretch
}

type stretch [1 << 10]uint64

func newOffsets(start, end int64) *offsets {
	return &offsets{start: start, end: end, stretches: map[int64]*stretch{}}
}

// add reports whether pos was not there yet. Positions outside of the cut are not kept.
func (s *offsets) add(pos int64) bool {
	if pos < s.start || pos >= s.end {
		return true
	}
	word, bit := (pos-s.start)/64, uint64(1)<<((pos-s.start)%64)
	at := word / int64(len(stretch{}))
	if s.stretches[at] == nil {
		s.stretches[at] = new(stretch)
	}
	to := &s.stretches[at][word%int64(len(stretch{}))]
	fresh := *to&bit == 0
	*to |= bit
	return fresh
}
