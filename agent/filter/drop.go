package filter

import "github.com/penstock/penstock/buffer/record"

// DropConfig is the config of the drop filter.
type DropConfig struct{}

// DefaultDrop returns the defaults.
func DefaultDrop() DropConfig { return DropConfig{} }

// Drop discards records: all that its condition, the if that every filter may have, leaves to it.
type Drop struct{ base }

// NewDrop returns the filter.
func NewDrop(_ DropConfig, env Env) (*Drop, error) { return &Drop{newBase(env)}, nil }

// BatchVerdict implements Filter.
func (f *Drop) BatchVerdict(*record.Batch) Verdict { return Discarded }

// Edit implements Filter.
func (f *Drop) Edit(*View) Verdict { return Discarded }
