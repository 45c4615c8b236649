package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
)

// batchFrom is how many files a cut has at least where a batch is worth its while.
const batchFrom = 8

// batchesAtOnce is of how many batches files are written at once. Their commits, in each of which
// one file after the other gets its name, then go on beside the writing of those that follow.
const batchesAtOnce = 1

// upload puts every file of a cut into the store, trying for ever. keep leaves names that are taken
// as they are.
func (a *Archiver) upload(ctx context.Context, id *identity, c *cut, end int64, keep bool) error {
	c.jobs.Wait()
	if err := c.made.failed(); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	u := &upload{a: a, id: id, c: c, end: end, keepsTaken: keep}
	defer u.forget()
	files := c.sorted()
	if store, ok := a.store.(Batcher); ok && len(files) >= batchFrom {
		return a.persist(ctx, id.slug, "", func() error {
			err := u.batch(ctx, store, files)
			if !errors.Is(err, ErrRefused) || ctx.Err() != nil {
				return err
			}
			// Some may be there already, and the store does not overwrite.
			return u.each(ctx, files, func(ctx context.Context, f *file) error {
				return u.with(
					ctx, f,
					func(obj *object, key string, opts PutOptions) error {
						return u.put(ctx, obj, key, opts)
					},
				)
			})
		})
	}
	return u.each(ctx, files, func(ctx context.Context, f *file) error {
		return u.with(ctx, f, func(obj *object, key string, opts PutOptions) error {
			return a.persist(ctx, key, key, func() error { return u.put(ctx, obj, key, opts) })
		})
	})
}

// upload is one cut on its way into the store.
type upload struct {
	a          *Archiver
	id         *identity
	c          *cut
	end        int64
	keepsTaken bool

	mu     sync.Mutex
	met    []string // keys that held another object
	common map[kind]*Common
}

// storeError is an error of the store, which is worth another attempt.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// persist tries do until it works, ctx ends, or it fails for another reason than the store. what
// tells it from all else that is tried.
func (a *Archiver) persist(ctx context.Context, what, key string, do func() error) error {
	defer a.failing.store.Forget(what)
	err := fault.Persist(ctx, backoff(1), do, func(err error) error {
		if !errors.As(err, new(storeError)) {
			return err
		}
		a.metrics.uploadRetries.Inc()
		if a.failing.conflicts.note(err) {
			a.failing.store.Worked(what) // it answers
		} else if key == "" {
			a.failing.store.Failed(what, err)
		} else {
			a.failing.store.Failed(what, err, "key", key)
		}
		return nil
	})
	switch {
	case err == nil:
		a.failing.store.Worked(what)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// batch makes one attempt to put all files together.
func (u *upload) batch(ctx context.Context, store Batcher, files []*file) error {
	began := time.Now()
	b, err := store.Batch(ctx)
	if err != nil {
		return storeError{err}
	}
	defer b.Discard()
	giveBack, err := take(ctx, u.a.batches)
	if err != nil {
		return err
	}
	var size atomic.Int64
	err = u.each(ctx, files, func(ctx context.Context, f *file) error {
		return u.with(ctx, f, func(obj *object, key string, opts PutOptions) error {
			size.Add(obj.size)
			obj.upload = u.a.underway.hand(key, patience)
			err := b.Put(ctx, key, obj, obj.size, opts)
			obj.upload.end(err)
			if u.kept(err) {
				return nil
			}
			return asStoreError(err)
		})
	})
	giveBack()
	if err == nil {
		commit := u.a.underway.hand(
			fmt.Sprintf("%s up to %d", u.id.slug, u.end),
			patience+time.Duration(size.Load()>>20)*patienceMiB,
		)
		err = asStoreError(b.Commit(ctx))
		commit.end(err)
	}
	if err != nil {
		return err
	}
	u.a.trial.took()
	u.a.metrics.objects.Add(float64(len(files)))
	u.a.metrics.objectBytes.Add(float64(size.Load()))
	u.a.metrics.uploadSeconds.Observe(time.Since(began).Seconds())
	return nil
}

func asStoreError(err error) error {
	if err == nil {
		return nil
	}
	return storeError{err}
}

// kept reports whether err says that the object of an earlier attempt was left as it is.
func (u *upload) kept(err error) bool {
	if !u.keepsTaken || !errors.Is(err, ErrExists) {
		return false
	}
	u.a.metrics.kept.Inc()
	return true
}

// put makes one attempt to put one object.
func (u *upload) put(ctx context.Context, obj *object, key string, opts PutOptions) error {
	began := time.Now()
	obj.upload = u.a.underway.hand(key, patience)
	err := PutOnce(ctx, u.a.store, key, obj, obj.size, opts)
	obj.upload.end(err)
	if err != nil && !u.kept(err) {
		if errors.As(err, new(*ConflictError)) {
			u.mu.Lock()
			u.met = append(u.met, key)
			u.mu.Unlock()
		}
		return storeError{err}
	}
	u.a.failing.conflicts.forget(key)
	u.a.trial.took()
	u.a.metrics.objects.Inc()
	u.a.metrics.objectBytes.Add(float64(obj.size))
	u.a.metrics.uploadSeconds.Observe(time.Since(began).Seconds())
	return nil
}

// forget drops what was noted about keys of this cut, which is stored or given up.
func (u *upload) forget() {
	for _, key := range u.met {
		u.a.failing.conflicts.forget(key)
	}
}

// each calls do with each file, several at once and in their order, until one fails.
func (u *upload) each(
	ctx context.Context, files []*file, do func(context.Context, *file) error,
) error {
	u.c.arrivals.sort(len(files))
	u.c.window = u.c.newWindow()
	defer func() { u.c.window.close(); u.c.window = nil }()
	next := make(chan *file)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range min(u.a.cfg.Upload.Parallel, len(files)) {
		wg.Go(func() {
			for f := range next {
				if err := do(ctx, f); err != nil {
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

// with calls do with what is uploaded of a file.
func (u *upload) with(
	ctx context.Context, f *file, do func(obj *object, key string, opts PutOptions) error,
) error {
	// One slot for all logs together: what is assembled here is memory that the budget does not
	// know.
	giveBack, err := take(ctx, u.a.slots)
	if err != nil {
		return err
	}
	defer giveBack()
	obj, err := u.a.finished(ctx, u.c, f)
	if err != nil {
		return err
	}
	defer obj.close()
	key, opts := u.describe(f)
	return do(obj, key, opts)
}

// object is a file as it is uploaded: its members, on disk or in memory, one after the other.
type object struct {
	c          *cut
	from       *store // of members that are on disk
	ownsSource bool   // from is this object's alone
	tail       []byte // a buffer of the pool, in which the last member is if it fits
	parts      []extent
	ends       []int64
	size       int64
	upload     *handed // nil before it is uploaded
}

func (c *cut) object(f *file) (*object, error) {
	o := &object{c: c, from: c.members}
	for _, m := range f.members {
		o.add(*m)
	}
	if n := f.chunksLen + f.inMemory(); n > 0 {
		buf, rows := c.a.buffers.get(n/2), f.rows
		if f.arrived > 0 {
			rows = append(c.a.buffers.get(f.inMemory()), rows...)
			rows = c.arrivals.appendOf(rows, f.number)
			defer c.a.buffers.put(rows)
		}
		tail, err := c.compress(buf, f.format, f.chunks, f.chunksLen, rows)
		if o.tail = buf; err != nil {
			o.close()
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
	if o.upload != nil {
		o.upload.move()
	}
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
