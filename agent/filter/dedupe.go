package filter

import (
	"errors"
	"time"

	"github.com/cespare/xxhash/v2"
)

// DedupeConfig is the config of the dedupe filter.
type DedupeConfig struct {
	Key     Expression    `hcl:"key,optional" doc:"Expression for what makes two records the same: \"field.id\", \"field.user + field.action\"; the whole value otherwise. A record for which it gives nothing passes."`
	Within  time.Duration `hcl:"within,optional" doc:"For how long after a record, by the records' own times, others with its key are discarded, and counted."`
	MaxKeys int           `hcl:"max_keys,optional" doc:"How many keys are remembered; repeats of what is forgotten pass. Takes about 120 bytes each. The filter decides the same for records that are delivered again while the agent runs; it has a memory of its own for each output and each partition that is read, loses it when the agent is restarted, and cannot stand before an archive."`
}

// DefaultDedupe returns the defaults.
func DefaultDedupe() DedupeConfig { return DedupeConfig{Within: time.Minute, MaxKeys: 100000} }

// Validate checks the config.
func (c *DedupeConfig) Validate() error {
	var errs []error
	if c.Within <= 0 {
		errs = append(errs, errors.New("within: must be more than 0"))
	}
	if c.MaxKeys < 1 {
		errs = append(errs, errors.New("max_keys: must be at least 1"))
	}
	return errors.Join(errs...)
}

// Dedupe discards repeats.
type Dedupe struct {
	base
	cfg   DedupeConfig
	agent string
	seen  memory[[2]uint64, first]
	progress
}

// first is the record that passed.
type first struct{ at, time int64 }

// NewDedupe returns the filter.
func NewDedupe(c DedupeConfig, env Env) (*Dedupe, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Dedupe{base: newBase(env), cfg: c, agent: env.Agent, progress: newProgress()}
	f.seen = newMemory[[2]uint64, first](c.MaxKeys)
	return f, nil
}

// ForLog implements Stateful.
func (f *Dedupe) ForLog(string) Filter {
	g := *f
	g.seen, g.progress = newMemory[[2]uint64, first](f.cfg.MaxKeys), newProgress()
	return &g
}

func (f *Dedupe) whyUnrepeatable() string { return "remembers what came before" }

// Edit implements Filter.
func (f *Dedupe) Edit(v *View) Verdict {
	again := f.isRepeated(v)
	var key string
	if f.cfg.Key.IsZero() {
		key = alias(v.Value())
	} else if key = keyOf(v, f.cfg.Key, f.agent); key == "" {
		return Unhandled
	}
	p, fresh := f.seen.get(digest128(key))
	switch {
	case fresh && again:
		*p = first{f.high, v.rec.Time} // what has come before may have passed
		return Kept
	case fresh:
	case again && v.rec.Offset <= p.at:
		return Kept // it has passed before, or came before
	case v.rec.Time < p.time+int64(f.cfg.Within) && v.rec.Time > p.time-int64(f.cfg.Within):
		return Discarded
	}
	*p = first{v.rec.Offset, v.rec.Time}
	return Kept
}

// digest128 is wide enough that two keys never meet.
func digest128(key string) [2]uint64 {
	second := xxhash.NewWithSeed(0x9e3779b97f4a7c15)
	_, _ = second.WriteString(key)
	return [2]uint64{xxhash.Sum64String(key), second.Sum64()}
}
