package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/penstock/penstock/spool/partition"
)

// upload puts every file of a cut into the store, trying for ever. keep leaves names that are taken as they are.
func (a *Archiver) upload(ctx context.Context, id *identity, c *cut, end int64, keep bool) error {
	c.jobs.Wait()
	if err := c.failed(); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	files := c.sorted()
	next := make(chan *file)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range min(a.cfg.Upload.Parallel, len(files)) {
		wg.Go(func() {
			for f := range next {
				if err := a.uploadFile(ctx, id, c, f, end, keep); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, f := range files {
		select {
		case next <- f:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

func (a *Archiver) uploadFile(ctx context.Context, id *identity, c *cut, f *file, end int64, keep bool) error {
	// One slot for all logs together: what is assembled here is memory that the budget does not know.
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	obj, err := a.finished(ctx, c, f)
	if err != nil {
		return err
	}
	defer obj.close()
	key, opts := a.describe(id, c, f, end)
	opts.IfAbsent = keep
	for attempt := 1; ; attempt++ {
		began := time.Now()
		err := a.store.Put(ctx, key, obj, obj.size, opts)
		if keep && errors.Is(err, ErrExists) {
			a.metrics.kept.Inc()
			err = nil
		}
		if err == nil {
			a.storeTrouble.worked()
			a.metrics.objects.Inc()
			a.metrics.objectBytes.Add(float64(obj.size))
			a.metrics.uploadSeconds.Observe(time.Since(began).Seconds())
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		a.metrics.uploadRetries.Inc()
		a.storeTrouble.failed(err, "key", key)
		if err := pause(ctx, attempt); err != nil {
			return context.Cause(ctx)
		}
	}
}

// Metadata keys of objects. Positions are decimal; last is that of the last record, end is past the cut.
const (
	MetaVersion = "penstock-version"
	MetaLog     = "penstock-log"
	MetaStart   = "penstock-start"
	MetaEnd     = "penstock-end"
	MetaFirst   = "penstock-first-offset"
	MetaLast    = "penstock-last-offset"
	MetaRecords = "penstock-records"
	MetaConfig  = "penstock-config"
	MetaClass   = "penstock-class"
)

var classNames = [...]string{partition.Main: "main", partition.Late: "late", partition.DeadLetter: "dead_letter"}

func (a *Archiver) describe(id *identity, c *cut, f *file, end int64) (string, PutOptions) {
	ext, compExt := f.format.Ext()
	contentType := f.format.ContentType()
	if f.class == partition.DeadLetter {
		ext, contentType = ".ndjson", "application/x-ndjson"
	}
	n := &name{id: id, topic: id.topic, start: c.start, end: end, formatExt: ext, compExt: compExt}
	return a.namer.key(f.path, n), PutOptions{
		ContentType: contentType,
		Metadata: map[string]string{
			MetaVersion: a.version,
			MetaLog:     id.slug,
			MetaStart:   strconv.FormatInt(c.start, 10),
			MetaEnd:     strconv.FormatInt(end, 10),
			MetaFirst:   strconv.FormatInt(f.first, 10),
			MetaLast:    strconv.FormatInt(f.last, 10),
			MetaRecords: strconv.FormatInt(f.count, 10),
			MetaConfig:  id.config,
			MetaClass:   classNames[f.class],
		},
	}
}

// object is a file as it is uploaded: its members, on disk or in memory, one after the other.
type object struct {
	c     *cut
	from  *store // of members that are on disk
	own   bool   // from is this object's alone
	parts []extent
	ends  []int64
	size  int64
}

func (c *cut) object(f *file) (*object, error) {
	o := &object{c: c, from: c.members}
	for _, m := range f.members {
		o.add(*m)
	}
	if f.pieceLen+len(f.buf) > 0 {
		tail, err := c.compress(nil, f.format, f.pieces, f.pieceLen, f.buf)
		if err != nil {
			return nil, err
		}
		o.add(extent{n: len(tail), mem: tail})
	}
	return o, nil
}

func (o *object) add(e extent) {
	o.size += int64(e.n)
	o.parts = append(o.parts, e)
	o.ends = append(o.ends, o.size)
}

// ReadAt implements io.ReaderAt over the members.
func (o *object) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		i := sort.Search(len(o.ends), func(i int) bool { return o.ends[i] > at })
		if i == len(o.parts) {
			return n, io.EOF
		}
		e := &o.parts[i]
		skip := e.n - int(o.ends[i]-at)
		want := min(e.n-skip, len(p)-n)
		if e.mem != nil {
			copy(p[n:n+want], e.mem[skip:])
		} else if err := o.c.readAt(o.from, p[n:n+want], e.off+int64(skip)); err != nil {
			return n, err
		}
		n += want
	}
	return n, nil
}
