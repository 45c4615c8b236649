package ratelimit

import (
	"errors"
	"sync"
	"time"
)

// Config is a limit of bytes a second, of lines a second, or of both.
type Config struct {
	Bytes int64 `hcl:"bytes,optional" unit:"bytes" doc:"Bytes a second, as they are read (of compressed files decompressed). 0 stands for no limit."`
	Lines int64 `hcl:"lines,optional" doc:"Lines a second, those of a multiline event or of a container's runtime each by itself. 0 stands for no limit."`
}

// Validate reports what makes no sense.
func (c *Config) Validate() error {
	var errs []error
	if c.Bytes < 0 || c.Bytes > 0 && c.Bytes < 1024 {
		errs = append(errs, errors.New("bytes: must be at least 1KiB a second; leave it out for no limit"))
	}
	if c.Lines < 0 {
		errs = append(errs, errors.New("lines: must be at least 1 a second; leave it out for no limit"))
	}
	if c.Bytes == 0 && c.Lines == 0 {
		errs = append(errs, errors.New("bytes: write bytes = \"1MiB\", lines = 1000, or both"))
	}
	return errors.Join(errs...)
}

// Limiter is one limit, shared by all that count together. A quiet second is saved up, no more.
// What was read is charged afterwards, so that a limiter may owe: nothing is read before that is
// paid. Safe for concurrent use.
type Limiter struct {
	cfg Config

	mu           sync.Mutex
	at           time.Time
	bytes, lines float64 // what may be read; negative: owed
}

// New returns a limiter that has saved up a second.
func New(cfg Config, now time.Time) *Limiter {
	return &Limiter{cfg: cfg, at: now, bytes: float64(cfg.Bytes), lines: float64(cfg.Lines)}
}

// Wait returns for how long nothing may be read; 0: it may be now.
func (l *Limiter) Wait(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pay(now)
	return max(debt(l.bytes, l.cfg.Bytes), debt(l.lines, l.cfg.Lines))
}

func debt(have float64, rate int64) time.Duration {
	if rate == 0 || have > 0 {
		return 0
	}
	return max(time.Duration(-have/float64(rate)*float64(time.Second)), time.Millisecond)
}

// Charge takes what has been read.
func (l *Limiter) Charge(now time.Time, bytes, lines int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pay(now)
	l.bytes -= float64(bytes)
	l.lines -= float64(lines)
}

// pay adds what time has brought. Caller holds mu.
func (l *Limiter) pay(now time.Time) {
	d := now.Sub(l.at).Seconds()
	if d <= 0 {
		return
	}
	l.at = now
	l.bytes = min(l.bytes+d*float64(l.cfg.Bytes), float64(l.cfg.Bytes))
	l.lines = min(l.lines+d*float64(l.cfg.Lines), float64(l.cfg.Lines))
}

// CountsLines reports whether Charge wants to know the lines.
func (l *Limiter) CountsLines() bool { return l.cfg.Lines > 0 }

// Chunk returns how much is best read at a time. So a slow reader is given some ten times a second
// what it may have rather than much at once and then nothing for long.
func (l *Limiter) Chunk() int {
	const least, line = 4 << 10, 100
	n := int64(1) << 30
	if l.cfg.Bytes > 0 {
		n = l.cfg.Bytes / 10
	}
	if l.cfg.Lines > 0 {
		n = min(n, l.cfg.Lines*line/10)
	}
	return int(max(n, least))
}

// Full reports whether the limiter is as good as a new one.
func (l *Limiter) Full(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pay(now)
	return l.bytes >= float64(l.cfg.Bytes) && l.lines >= float64(l.cfg.Lines)
}
