package fault

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaitsDoubleUpToTheirBound(t *testing.T) {
	t.Parallel()
	for _, half := range []bool{false, true} {
		b := Backoff{Min: 100 * time.Millisecond, Max: time.Second, Half: half}
		for i := range 70 {
			limit := min(b.Max, b.Min<<min(i, 10))
			least := time.Duration(1)
			if half {
				least = limit / 2
			}
			if d := b.Next(); d < least || d > limit {
				t.Errorf("wait %d, half %v: %v, want %v to %v", i, half, d, least, limit)
			}
		}
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := Sleep(ctx, time.Millisecond); err != nil || time.Since(began) != time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		err := Sleep(ctx, time.Hour)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestPersist(t *testing.T) {
	t.Parallel()
	broken, final := errors.New("broken"), errors.New("final")
	for name, c := range map[string]struct {
		works int // the attempt that works; 0: none
		ends  int // the failure that is final; 0: none
		want  error
	}{
		"works in the end": {works: 4},
		"final":            {ends: 3, want: final},
		"ctx ends":         {want: context.DeadlineExceeded},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			attempts, failures := 0, 0
			err := Persist(ctx, Backoff{Min: time.Second, Max: time.Second}, func() error {
				if attempts++; attempts == c.works {
					return nil
				}
				return broken
			}, func(err error) error {
				if err != broken {
					t.Errorf("%s: %v failed", name, err)
				}
				if failures++; failures == c.ends {
					return final
				}
				return nil
			})
			if err != c.want {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
			if c.works > 0 && failures != c.works-1 || c.ends > 0 && attempts != c.ends {
				t.Errorf("%s: %d attempts, %d failures", name, attempts, failures)
			}
		})
	}
}

// What a call that ctx broke off says is no failure.
func TestPersistTellsNothingAfterTheEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	err := Persist(ctx, Backoff{Min: time.Hour, Max: time.Hour}, func() error {
		cancel()
		return errors.New("broken off")
	}, func(err error) error {
		t.Errorf("failed: %v", err)
		return nil
	})
	if err != context.Canceled {
		t.Error(err)
	}
}
