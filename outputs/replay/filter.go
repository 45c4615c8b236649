package replay

import (
	"strings"
	"time"

	"github.com/penstock/penstock/outputs"
)

// Filter chooses among dead letters. The zero value takes all.
type Filter struct {
	Reason, Origin string // a part of it
	Since, Until   time.Time
}

// All reports whether nothing is left out.
func (f *Filter) All() bool { return *f == Filter{} }

// Wants reports whether l is chosen.
func (f *Filter) Wants(l *outputs.DeadRecord) bool {
	return strings.Contains(l.Reason, f.Reason) && strings.Contains(l.Origin, f.Origin) &&
		(f.Since.IsZero() || !l.Time.Before(f.Since)) &&
		(f.Until.IsZero() || l.Time.Before(f.Until))
}
