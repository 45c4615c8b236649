package ratelimit

import (
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// Whoever waits as told and reads what it likes gets the rate, and no more than a second above it.
func TestReadersGetTheirRate(t *testing.T) {
	rnd := runtest.Rand(t)
	for range 200 {
		cfg := Config{}
		for cfg.Bytes == 0 && cfg.Lines == 0 {
			cfg.Bytes = rnd.Int64N(2) * (1024 + rnd.Int64N(1<<20))
			cfg.Lines = rnd.Int64N(2) * (1 + rnd.Int64N(10_000))
		}
		start := time.Unix(1_800_000_000, 0)
		now := start
		l := New(cfg, now)
		largest := 1 + rnd.IntN(100_000)
		var bytes, lines int64
		for now.Sub(start) < 10*time.Minute {
			if d := l.Wait(now); d > 0 {
				if d > 200*time.Millisecond && l.Wait(now.Add(d-d/100)) == 0 {
					t.Fatalf("%+v: waits %v, which is longer than it must", cfg, d)
				}
				now = now.Add(d)
				continue
			}
			b := 1 + rnd.IntN(largest)
			n := 1 + rnd.IntN(b)
			l.Charge(now, b, n)
			bytes += int64(b)
			lines += int64(n)
		}
		for _, c := range []struct{ got, rate int64 }{{bytes, cfg.Bytes}, {lines, cfg.Lines}} {
			allowed := float64(c.rate)*(now.Sub(start).Seconds()+1) + float64(largest)
			if c.rate > 0 && float64(c.got) > allowed {
				t.Fatalf("%+v: %d in %v, allowed %v", cfg, c.got, now.Sub(start), allowed)
			}
		}
		if cfg.Bytes > 0 && cfg.Lines > 0 {
			continue // while one of them is waited for, what the other saves is soon full
		}
		most := int64(largest) // the last wait is that of the last charge
		slow := max(
			share(bytes+most, cfg.Bytes, now.Sub(start)), share(lines+most, cfg.Lines, now.Sub(start)),
		)
		if slow < 0.95 {
			t.Fatalf("%+v: %.2f of what is allowed", cfg, slow)
		}
	}
}

func share(got, rate int64, d time.Duration) float64 {
	if rate == 0 {
		return 0
	}
	return float64(got) / (float64(rate) * d.Seconds())
}

// A group forgets those whose limiters are as good as new, and no others.
func TestGroupForgetsTheQuiet(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	g := NewGroup[int](Config{Lines: 10})
	busy := g.Of(-1, now)
	for i := range 10 * most {
		now = now.Add(time.Millisecond)
		busy.Charge(now, 0, 100)
		g.Of(i, now)
	}
	if len(g.byKey) > 2*most {
		t.Errorf("%d limiters are kept", len(g.byKey))
	}
	if g.Of(-1, now) != busy {
		t.Error("a limiter that owes was forgotten")
	}
}

func TestBadLimits(t *testing.T) {
	for _, c := range []Config{{}, {Bytes: 10}, {Bytes: -1}, {Lines: -1}, {Bytes: 2048, Lines: -1}} {
		if c.Validate() == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
	for _, c := range []Config{{Bytes: 1024}, {Lines: 1}, {Bytes: 2048, Lines: 5}} {
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
