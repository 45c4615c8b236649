package overflow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/spool"
)

const LeaseTTL = time.Minute

// lease lets one process at a time replay the objects under a base. Each claim and each renewal
// puts a new object, numbered one higher, that must not be there yet: of two that try, the store
// lets one through. The highest number is the lease; it ends at the time it names. Clocks that
// differ by more than half of LeaseTTL can let two replay at once, which repeats records and loses
// none.
type lease struct {
	store  spool.Store
	dir    string // ends with a slash
	holder string // the same holder takes its own lease over, as after a crash

	n       int64
	expires time.Time
}

type leaseBody struct {
	Holder  string    `json:"holder"`
	Expires time.Time `json:"expires"`
}

// LeasedError tells who has the lease.
type LeasedError struct{ leaseBody }

func (e *LeasedError) Error() string {
	return fmt.Sprintf(
		"being replayed by %s, until %s at least", e.Holder, e.Expires.Format(time.RFC3339),
	)
}

var ErrLeaseLost = errors.New("the lease on the overflow was lost")

// claim takes the lease, or fails with a *LeasedError or the store's error.
func (l *lease) claim(ctx context.Context) error {
	n, body, err := l.current(ctx)
	if err != nil {
		return err
	}
	if n > 0 && body.Holder != l.holder && time.Now().Before(body.Expires) {
		return &LeasedError{body}
	}
	return l.put(ctx, n+1)
}

// renew makes the lease last longer. It fails with ErrLeaseLost, or the store's error, after which
// the lease may still be held.
func (l *lease) renew(ctx context.Context) error {
	n, body, err := l.current(ctx)
	if err != nil {
		return err
	}
	until := l.expires
	// The number may be higher than we know, by an attempt that failed only as far as we know.
	if body.Holder != l.holder || n < l.n || time.Now().After(until) {
		return ErrLeaseLost
	}
	if err := l.put(ctx, n+1); err != nil {
		return err
	}
	if time.Now().After(until) {
		return ErrLeaseLost // another may have come and gone since we looked
	}
	return nil
}

func (l *lease) put(ctx context.Context, n int64) error {
	body := leaseBody{Holder: l.holder, Expires: time.Now().Add(LeaseTTL).UTC()}
	p, err := json.Marshal(body)
	if err != nil {
		return err
	}
	opts := spool.PutOptions{ContentType: "application/json", IfAbsent: true}
	err = l.store.Put(ctx, l.key(n), bytes.NewReader(p), int64(len(p)), opts)
	if errors.Is(err, spool.ErrExists) {
		// It may be our own, from an attempt that failed only as far as we know.
		if got, gerr := l.read(ctx, l.key(n)); gerr != nil {
			return gerr
		} else if got.Holder != l.holder {
			return &LeasedError{got}
		} else {
			body = got
		}
	} else if err != nil {
		return err
	}
	old := l.n
	l.n, l.expires = n, body.Expires
	if old > 0 && old < n {
		// What is left behind is harmless, and goes with the release.
		_ = l.store.Delete(ctx, l.key(old))
	}
	return nil
}

// release gives the lease back and removes what is left of it and its forerunners.
func (l *lease) release(ctx context.Context) error {
	top, body, err := l.current(ctx)
	if err != nil || body.Holder != l.holder || time.Now().After(l.expires) {
		return err
	}
	// The highest goes last: while it is there, nobody mistakes a lower one for the lease.
	var mine []string
	for o, err := range l.store.List(ctx, l.dir) {
		if err != nil {
			return err
		}
		if n, ok := l.number(o.Key); ok && n <= top {
			mine = append(mine, o.Key)
		}
	}
	for _, key := range mine {
		if err := l.store.Delete(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

func (l *lease) key(n int64) string { return fmt.Sprintf("%s%020d.json", l.dir, n) }

func (l *lease) number(key string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(key, l.dir), ".json"), 10, 64)
	return n, err == nil
}

// current returns the lease as the store has it; n is 0 if there is none.
func (l *lease) current(ctx context.Context) (n int64, body leaseBody, err error) {
	for o, err := range l.store.List(ctx, l.dir) {
		if err != nil {
			return 0, body, err
		}
		if m, ok := l.number(o.Key); ok {
			n = max(n, m)
		}
	}
	if n == 0 {
		return 0, body, nil
	}
	body, err = l.read(ctx, l.key(n))
	if errors.Is(err, spool.ErrNotFound) {
		return n, body, nil // released meanwhile
	}
	return n, body, err
}

func (l *lease) read(ctx context.Context, key string) (leaseBody, error) {
	var body leaseBody
	r, _, err := l.store.Get(ctx, key)
	if err != nil {
		return body, err
	}
	p, err := io.ReadAll(io.LimitReader(r, 1<<16))
	if err := errors.Join(err, r.Close()); err != nil {
		return body, fmt.Errorf("read %s: %w", key, err)
	}
	// What cannot be read has no holder and no end to wait for.
	if json.Unmarshal(p, &body) != nil {
		body = leaseBody{}
	}
	return body, nil
}
