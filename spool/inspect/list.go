package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/penstock/penstock/spool"
	"golang.org/x/sync/errgroup"
)

// Object is an archived object and what its metadata, or failing that its name, say of it.
type Object struct {
	Key  string
	Size int64
	// as in names: topic-partition, or agent and log, and its life behind a dot if it has one
	Log        string
	Start, End int64 // of its cut; -1 when unknown
	First      int64 // offset of the first record; -1 when unknown
	Last       int64
	Records    int64 // -1 when unknown
	Class      string
	TopicID    string // of the life of the topic that it is of; "" when unknown

	CutObjects int   // of the whole cut; -1 when unknown
	CutRecords int64 // of the whole cut; -1 when unknown
	CutLost    int64 // records that were gone from the log before they could be stored
	CutCompact int64 // records that compaction had taken when the cut was made again

	Version   string
	NameStart int64 // as the default file name says; -1 when it has another form
	NameEnd   int64
}

// Describe reports whether the object has the metadata of an archived object.
func (o *Object) known() bool { return o.Start >= 0 && o.End >= 0 && o.Records >= 0 }

var defaultName = regexp.MustCompile(`^(.+)_(\d{20})-(\d{20})\.`)

// parallel is how many objects are asked for their metadata at once.
const parallel = 16

// List returns the objects below prefix, in the order of their keys, markers and the like left out,
// and what is deleted meanwhile, as by a lifecycle rule.
func List(ctx context.Context, store spool.Store, prefix string) ([]*Object, error) {
	var out []*Object
	for obj, err := range store.List(ctx, prefix) {
		if err != nil {
			return nil, fmt.Errorf("list %q: %w", prefix, err)
		}
		if !spool.IsMarker(obj.Key) {
			out = append(out, &Object{Key: obj.Key, Size: obj.Size})
		}
	}
	gone := make([]bool, len(out))
	g, work := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, o := range out {
		if work.Err() != nil {
			break
		}
		g.Go(func() error {
			err := o.describe(work, store)
			if gone[i] = errors.Is(err, spool.ErrNotFound); gone[i] {
				return nil
			}
			return err
		})
	}
	if err := cmp.Or(g.Wait(), ctx.Err()); err != nil {
		return nil, err
	}
	there := out[:0]
	for i, o := range out {
		if !gone[i] {
			there = append(there, o)
		}
	}
	return there, nil
}

func (o *Object) describe(ctx context.Context, store spool.Store) error {
	o.Start, o.End, o.First, o.Last, o.Records, o.NameStart, o.NameEnd = -1, -1, -1, -1, -1, -1, -1
	o.CutObjects, o.CutRecords = -1, -1
	r, full, err := store.Get(ctx, o.Key)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Key, err)
	}
	_ = r.Close() // nothing was read
	if m := defaultName.FindStringSubmatch(path.Base(o.Key)); m != nil {
		o.Log = m[1]
		o.NameStart, _ = strconv.ParseInt(m[2], 10, 64)
		o.NameEnd, _ = strconv.ParseInt(m[3], 10, 64)
		o.Start, o.End = o.NameStart, o.NameEnd
	}
	number := func(key string, to *int64) {
		if n, err := strconv.ParseInt(full.Metadata[key], 10, 64); err == nil {
			*to = n
		}
	}
	number(spool.MetaStart, &o.Start)
	number(spool.MetaEnd, &o.End)
	number(spool.MetaFirst, &o.First)
	number(spool.MetaLast, &o.Last)
	number(spool.MetaRecords, &o.Records)
	number(spool.MetaCutRecords, &o.CutRecords)
	number(spool.MetaCutLost, &o.CutLost)
	number(spool.MetaCutCompact, &o.CutCompact)
	if n, err := strconv.Atoi(full.Metadata[spool.MetaCutObjects]); err == nil {
		o.CutObjects = n
	}
	o.TopicID = full.Metadata[spool.MetaTopicID]
	if l := full.Metadata[spool.MetaLog]; l != "" {
		o.Log = l
	}
	life := full.Metadata[spool.MetaLife]
	if life == "" && full.Metadata[spool.MetaLog] == "" { // there is none of ours
		life = strings.TrimPrefix(LifeOf(o.Key), NoLife)
	}
	o.Log = InLife(o.Log, life)
	o.Class, o.Version = full.Metadata[spool.MetaClass], full.Metadata[spool.MetaVersion]
	return nil
}

// LogName returns what a partition is called in object names, in a life that has no name.
func LogName(topic string, partition int32) string { return spool.PartitionSlug(topic, partition) }

// InLife returns what a log is called in one of its lives, which may have no name.
func InLife(log, life string) string {
	if life == "" {
		return log
	}
	return log + "." + life
}

// NoLife stands, where a life is asked for, for objects whose names have none: an earlier release
// began to archive their log.
const NoLife = "none"

var logName = regexp.MustCompile(`^(.+)-(\d+)(?:\.([0-9a-f]{8}))?$`)

// SplitLog returns the topic, the partition and the life that a log's name in objects is made of;
// ok is false for one that is no partition's.
func SplitLog(name string) (topic string, partition int32, life string, ok bool) {
	m := logName.FindStringSubmatch(name)
	if m == nil {
		return name, 0, "", false
	}
	n, err := strconv.ParseInt(m[2], 10, 32)
	return m[1], int32(n), m[3], err == nil
}

var keyLife = regexp.MustCompile(`\.([0-9a-f]{8})(?:\.[0-9a-z]+)*$`)

// LifeOf returns the life of a log that an object's key names, NoLife if none.
func LifeOf(key string) string {
	if m := keyLife.FindStringSubmatch(path.Base(key)); m != nil {
		return m[1]
	}
	return NoLife
}

// isPartition reports whether a log's name is that of a partition, in any of its lives.
func isPartition(log, topic string, partition int32) bool {
	rest, ok := strings.CutPrefix(log, spool.PartitionSlug(topic, partition))
	return ok && rest == logLife.FindString(rest)
}

var logLife = regexp.MustCompile(`\.[0-9a-f]{8}$`)
