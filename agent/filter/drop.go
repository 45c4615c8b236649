package filter

import (
	"errors"

	"github.com/penstock/penstock/buffer/record"
)

// DropConfig is the config of the drop filter.
type DropConfig struct{}

// DefaultDrop returns the defaults.
func DefaultDrop() DropConfig { return DropConfig{} }

// WarningsWith tells that nothing gets past it.
func (c *DropConfig) WarningsWith(common any) error {
	if with, ok := common.(*Common); ok && with.If.IsZero() {
		return errors.New(
			"it discards every record: write which are meant, as in if = \"field.level == 'debug'\"",
		)
	}
	return nil
}

// Drop discards records: all that its condition, the if that every filter may have, leaves to it.
type Drop struct{ base }

// NewDrop returns the filter.
func NewDrop(_ DropConfig, env Env) (*Drop, error) { return &Drop{newBase(env)}, nil }

// BatchVerdict implements Filter.
func (f *Drop) BatchVerdict(*record.Batch) Verdict { return Discarded }

// Edit implements Filter.
func (f *Drop) Edit(*View) Verdict { return Discarded }
