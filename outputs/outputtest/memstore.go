package outputtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/spool"
)

// MemStore is a spool.Store in memory, with faults on demand. Safe for concurrent use.
type MemStore struct {
	mu      sync.Mutex
	objects map[string]memObject
	fault   func(op, key string) StoreFault
	delay   func(op, key string) time.Duration
	noMeta  bool
}

type memObject struct {
	data     []byte
	modified time.Time
	meta     map[string]string
}

// StoreFault is what goes wrong with a request.
type StoreFault int

const (
	StoreWorks   StoreFault = iota
	StoreFails              // not applied, and an error, as of a 500
	StoreTimeout            // applied, and an error
	StoreCut                // Get alone: the body ends in an error half-way
	// not applied; the connection is closed in place of an answer, as an HTTP client reports that
	StoreHangsUp
	StoreRefuses // not applied, and refused for good, as by a retention policy
	StoreShort   // Get alone: the body ends half-way, as if that were its end
	StoreEmpty   // Get alone: an empty object is given
	StoreFlips   // Get alone: a bit is flipped on the way
)

var errStore = errors.New("store: 500 internal error")

// NewMemStore returns an empty store.
func NewMemStore() *MemStore { return &MemStore{objects: map[string]memObject{}} }

var _ spool.Trier = (*MemStore)(nil)

// SetFault makes each request ask fault what goes wrong with it; op is put, try, get, list or
// delete. nil ends it.
func (s *MemStore) SetFault(fault func(op, key string) StoreFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// SetDelay makes each request take as long as delay says.
func (s *MemStore) SetDelay(delay func(op, key string) time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = delay
}

// DropMetadata makes the store keep no metadata, as a local directory does.
func (s *MemStore) DropMetadata() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noMeta = true
}

func (s *MemStore) begin(ctx context.Context, op, key string) (StoreFault, error) {
	s.mu.Lock()
	fault, delay := s.fault, s.delay
	s.mu.Unlock()
	if delay != nil {
		t := time.NewTimer(delay(op, key))
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if fault == nil {
		return StoreWorks, nil
	}
	f := fault(op, key)
	switch f {
	case StoreFails:
		return f, fmt.Errorf("%s %s: %w", op, key, errStore)
	case StoreRefuses:
		return f, fmt.Errorf("%s %s: %w: 403 retentionPolicyNotMet", op, key, spool.ErrRefused)
	case StoreHangsUp:
		return f, fmt.Errorf(
			"%s %s: %w", op, key, &url.Error{Op: "Get", URL: "http://store/" + key, Err: io.EOF},
		)
	}
	return f, nil
}

func (s *MemStore) outcome(f StoreFault, op, key string) error {
	if f == StoreTimeout {
		return fmt.Errorf("%s %s: %w", op, key, context.DeadlineExceeded)
	}
	return nil
}

// Put implements spool.Store.
func (s *MemStore) Put(
	ctx context.Context, key string, r io.ReaderAt, size int64, opts spool.PutOptions,
) error {
	if err := errors.Join(spool.CheckKey(key), opts.Check()); err != nil {
		return err
	}
	f, err := s.begin(ctx, "put", key)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.NewSectionReader(r, 0, size))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.objects[key]; taken && opts.IfAbsent {
		return fmt.Errorf("put %s: %w", key, spool.ErrExists)
	}
	o := memObject{data: data, modified: time.Now(), meta: maps.Clone(opts.All())}
	if s.noMeta {
		o.meta = nil
	}
	s.objects[key] = o
	return s.outcome(f, "put", key)
}

// Try implements spool.Trier.
func (s *MemStore) Try(ctx context.Context, key string) error {
	f, err := s.begin(ctx, "try", key)
	if err != nil {
		return err
	}
	return s.outcome(f, "try", key)
}

// Get implements spool.Store.
func (s *MemStore) Get(ctx context.Context, key string) (io.ReadCloser, spool.Object, error) {
	f, err := s.begin(ctx, "get", key)
	if err != nil {
		return nil, spool.Object{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[key]
	if !ok {
		return nil, spool.Object{}, fmt.Errorf("get %s: %w", key, spool.ErrNotFound)
	}
	var r io.Reader = bytes.NewReader(o.data)
	half := o.data[:len(o.data)/2]
	switch f {
	case StoreCut, StoreTimeout:
		r = io.MultiReader(bytes.NewReader(half), errReader{})
	case StoreShort:
		r = bytes.NewReader(half)
	case StoreEmpty:
		return io.NopCloser(bytes.NewReader(nil)), spool.Object{Key: key, Modified: o.modified}, nil
	case StoreFlips:
		if len(o.data) > 0 {
			p := bytes.Clone(o.data)
			p[len(p)/2] ^= 0x40
			r = bytes.NewReader(p)
		}
	}
	return io.NopCloser(
			r,
		), spool.Object{
			Key:      key,
			Size:     int64(len(o.data)),
			Modified: o.modified,
			Metadata: maps.Clone(o.meta),
		}, nil
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, fmt.Errorf("read body: %w", errStore) }

// List implements spool.Store.
func (s *MemStore) List(ctx context.Context, prefix string) iter.Seq2[spool.Object, error] {
	return func(yield func(spool.Object, error) bool) {
		f, err := s.begin(ctx, "list", prefix)
		if err == nil {
			err = s.outcome(f, "list", prefix)
		}
		if err != nil {
			yield(spool.Object{}, err)
			return
		}
		for _, key := range s.Keys(prefix) {
			s.mu.Lock()
			o, ok := s.objects[key]
			s.mu.Unlock()
			if ok &&
				!yield(
					spool.Object{Key: key, Size: int64(len(o.data)), Modified: o.modified}, nil,
				) {
				return
			}
		}
	}
}

// Delete implements spool.Store.
func (s *MemStore) Delete(ctx context.Context, key string) error {
	f, err := s.begin(ctx, "delete", key)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
	return s.outcome(f, "delete", key)
}

// Keys returns the keys that begin with prefix, in order, without any fault.
func (s *MemStore) Keys(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for key := range s.objects {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Bytes returns what is stored under key, nil if nothing is, without any fault.
func (s *MemStore) Bytes(key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[key].data
}

// Set stores data under key without any fault.
func (s *MemStore) Set(key string, data []byte) { s.SetWith(key, data, nil) }

// SetWith is Set with metadata.
func (s *MemStore) SetWith(key string, data []byte, metadata map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = memObject{data: data, modified: time.Now(), meta: metadata}
}

// Metadata returns what is stored with key, without any fault.
func (s *MemStore) Metadata(key string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.objects[key].meta)
}
