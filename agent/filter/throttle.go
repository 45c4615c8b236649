package filter

import (
	"errors"
	"time"
)

// ThrottleConfig is the config of the throttle filter.
type ThrottleConfig struct {
	Key     Expression    `hcl:"key,optional" doc:"Expression for what records are told apart by: \"field.user\", \"origin\", \"tag[0] + field.level\"; all count together otherwise. Records for which it gives nothing count together."`
	Limit   int           `hcl:"limit" doc:"How many records of each key pass in each interval: the first ones. The others are discarded, and counted."`
	Per     time.Duration `hcl:"per,optional" doc:"The interval, by the records' own times, so that a backlog is not thinned out more than what comes at once."`
	MaxKeys int           `hcl:"max_keys,optional" doc:"How many keys are remembered; what is forgotten begins anew. Takes about 200 bytes each. The filter decides the same for records that are delivered again while the agent runs; it has a memory of its own for each output and each partition that is read, loses it when the agent is restarted, and cannot stand before an archive."`
}

// DefaultThrottle returns the defaults.
func DefaultThrottle() ThrottleConfig { return ThrottleConfig{Per: time.Second, MaxKeys: 100000} }

// Validate checks the config.
func (c *ThrottleConfig) Validate() error {
	var errs []error
	if c.Limit < 1 {
		errs = append(errs, errors.New("limit: must be at least 1; the filter drop discards all"))
	}
	if c.Per <= 0 {
		errs = append(errs, errors.New("per: must be more than 0"))
	}
	if c.MaxKeys < 1 {
		errs = append(errs, errors.New("max_keys: must be at least 1"))
	}
	return errors.Join(errs...)
}

// Throttle lets the first records of each key pass in each interval.
type Throttle struct {
	base
	cfg   ThrottleConfig
	agent string
	seen  memory[string, passed]
	progress
}

// passed is what has passed of one key. The first ones pass, so that the last of them tells which
// they were.
type passed struct {
	interval int64
	count    int
	last     int64 // position
}

// NewThrottle returns the filter.
func NewThrottle(c ThrottleConfig, env Env) (*Throttle, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Throttle{base: newBase(env), cfg: c, agent: env.Agent, progress: newProgress()}
	f.seen = newMemory[string, passed](c.MaxKeys)
	return f, nil
}

// ForLog implements Stateful.
func (f *Throttle) ForLog(string) Filter {
	g := *f
	g.seen, g.progress = newMemory[string, passed](f.cfg.MaxKeys), newProgress()
	return &g
}

func (f *Throttle) whyUnrepeatable() string { return "remembers what came before" }

// Edit implements Filter.
func (f *Throttle) Edit(v *View) Verdict {
	p, fresh := f.seen.get(keyOf(v, f.cfg.Key, f.agent))
	again := f.isRepeated(v)
	interval := v.rec.Time / int64(f.cfg.Per)
	if fresh || interval > p.interval {
		*p = passed{interval: interval, last: -1}
	}
	full := p.count >= f.cfg.Limit
	switch {
	case interval < p.interval:
		return Kept // late
	case again && !(full && v.rec.Offset > p.last):
		return Kept // it may have passed before
	case full:
		return Discarded
	}
	p.count++
	p.last = v.rec.Offset
	return Kept
}

// keyOf returns what an expression gives as a key.
func keyOf(v *View, e Expression, agent string) string {
	if e.IsZero() {
		return ""
	}
	x, err := e.eval(v, agent)
	if err != nil || x == nil {
		return ""
	}
	if s, ok := x.(string); ok {
		return string([]byte(s))
	}
	return string(e.keyText(v, x))
}

// keyText returns what the expression gave as text that tells it from all else. A float64 may have
// lost digits of a field.
func (e Expression) keyText(v *View, x any) []byte {
	const exact = 15 // digits that a float64 keeps
	if _, ok := x.(float64); ok {
		if p := e.field(); p != nil {
			if r := v.Get(p); len(r.Raw) > exact {
				return []byte(r.Raw)
			}
		}
	}
	out, _ := appendValue(nil, x)
	return out
}
