package inspect

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/penstock/penstock/spool"
)

// Object is an archived object and what its metadata, or failing that its name, say of it.
type Object struct {
	Key        string
	Size       int64
	Log        string // as in names: topic-partition, or agent and log
	Start, End int64  // of its cut; -1 when unknown
	First      int64  // offset of the first record; -1 when unknown
	Last       int64
	Records    int64 // -1 when unknown
	Class      string
	Version    string
	NameStart  int64 // as the default file name says; -1 when it has another form
	NameEnd    int64
}

// Describe tells whether the object has the metadata of an archived object.
func (o *Object) known() bool { return o.Start >= 0 && o.End >= 0 && o.Records >= 0 }

var defaultName = regexp.MustCompile(`^(.+)_(\d{20})-(\d{20})\.`)

// parallel is how many objects are asked for their metadata at once.
const parallel = 16

// List returns the objects below prefix, in the order of their keys, markers and the like left out.
func List(ctx context.Context, store spool.Store, prefix string) ([]*Object, error) {
	var out []*Object
	for obj, err := range store.List(ctx, prefix) {
		if err != nil {
			return nil, fmt.Errorf("list %q: %w", prefix, err)
		}
		if base := path.Base(obj.Key); base[0] != '_' && base[0] != '.' {
			out = append(out, &Object{Key: obj.Key, Size: obj.Size})
		}
	}
	var wg sync.WaitGroup
	next := make(chan *Object)
	var mu sync.Mutex
	var errs []error
	for range min(parallel, len(out)) {
		wg.Go(func() {
			for o := range next {
				if err := o.describe(ctx, store); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, o := range out {
		next <- o
	}
	close(next)
	wg.Wait()
	return out, errors.Join(errs...)
}

func (o *Object) describe(ctx context.Context, store spool.Store) error {
	o.Start, o.End, o.First, o.Last, o.Records, o.NameStart, o.NameEnd = -1, -1, -1, -1, -1, -1, -1
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
	if l := full.Metadata[spool.MetaLog]; l != "" {
		o.Log = l
	}
	o.Class, o.Version = full.Metadata[spool.MetaClass], full.Metadata[spool.MetaVersion]
	return nil
}

// LogName returns what a partition is called in object names.
func LogName(topic string, partition int32) string { return spool.PartitionSlug(topic, partition) }

// splitLog returns the topic and the partition of a log's name; ok is false for one that has no number at its end.
func splitLog(name string) (topic string, partition int64, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return name, 0, false
	}
	n, err := strconv.ParseInt(name[i+1:], 10, 32)
	return name[:i], n, err == nil
}
