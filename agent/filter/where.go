package filter

import (
	"errors"
	"fmt"

	"github.com/penstock/penstock/buffer/record"
)

// WhereConfig is the config of the where filter.
type WhereConfig struct {
	Condition Expression `hcl:"condition" doc:"Only records for which this holds pass, others are discarded: \"field.level != 'debug'\" (penstock help expressions). A record that it cannot be evaluated for passes, and is counted. Costs one look into the value, no further than the fields it names."`
}

// DefaultWhere returns the defaults.
func DefaultWhere() WhereConfig { return WhereConfig{} }

// Validate checks the config.
func (c *WhereConfig) Validate() error {
	if c.Condition.IsZero() {
		return errors.New("condition: must not be empty")
	}
	if err := c.Condition.Bool(); err != nil {
		return fmt.Errorf("condition: %w", err)
	}
	return nil
}

// Where lets records pass for which a condition holds.
type Where struct {
	base
	condition condition
}

// NewWhere returns the filter.
func NewWhere(c WhereConfig, env Env) (*Where, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Where{newBase(env), newCondition(c.Condition, env)}, nil
}

// BatchVerdict implements Filter.
func (f *Where) BatchVerdict(b *record.Batch) Verdict {
	switch {
	case !f.condition.OfBatch():
		return PerRecord
	case f.condition.ofBatch(b):
		return Kept
	}
	return Discarded
}

// Edit implements Filter.
func (f *Where) Edit(v *View) Verdict {
	switch yes, ok := f.condition.holds(v); {
	case !ok:
		return Unhandled
	case yes:
		return Kept
	}
	return Discarded
}
