package filter

import (
	"errors"
	"fmt"

	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

// Common is what every filter's config has.
type Common struct {
	If Expression `hcl:"if,optional" doc:"The filter works on the records for which this holds, and lets others pass as they are: \"field.status >= 500 and tag[0] == 'web'\" (penstock help expressions). One that cannot be evaluated for a record does not hold, and that is counted. Costs about 0.35 µs where it looks at a field; nothing where it looks at tag, origin and agent alone, as it is decided once for a batch then."`
}

// Validate checks the config.
func (c *Common) Validate() error {
	if c.If.IsZero() {
		return nil
	}
	if err := c.If.Bool(); err != nil {
		return fmt.Errorf("if: %w", err)
	}
	return nil
}

// condition is an expression with a count of the records that it could not be evaluated for.
type condition struct {
	Expression
	agent  string
	errors prometheus.Counter
}

func newCondition(e Expression, env Env) condition {
	return condition{
		e,
		env.Agent,
		env.counter(
			"penstock_filter_expression_errors_total",
			"Records that an expression could not be evaluated for.",
		),
	}
}

// holds reports whether the condition holds; ok is false where it could not be evaluated.
func (c *condition) holds(v *View) (yes, ok bool) {
	yes, err := c.test(v, c.agent)
	if err != nil {
		c.errors.Inc()
	}
	return yes, err == nil
}

// ofBatch evaluates a condition that looks at no record.
func (c *condition) ofBatch(b *record.Batch) bool {
	yes, _ := c.holds(&View{batch: b})
	return yes
}

// With returns f as the common part of its config wants it.
func With(f Filter, c Common, env Env) (Filter, error) {
	if c.If.IsZero() {
		return f, nil
	}
	if _, retags := f.(*RenameTag); retags && (!c.If.OfBatch() || c.If.Uses("origin")) {
		return nil, errors.New("if: a filter that changes tags decides by tag and agent alone")
	}
	return &conditional{f, newCondition(c.If, env)}, nil
}

// conditional is a filter for the records that meet a condition.
type conditional struct {
	Filter
	only condition
}

// Tag implements Filter.
func (c *conditional) Tag(tag string) string {
	out := c.Filter.Tag(tag)
	if out != tag && !c.only.ofBatch(&record.Batch{Tag: tag}) {
		return tag
	}
	return out
}

// BatchVerdict implements Filter.
func (c *conditional) BatchVerdict(b *record.Batch) Verdict {
	verdict := c.Filter.BatchVerdict(b)
	switch {
	case verdict == Kept && !c.only.OfBatch():
		return Kept
	case !c.only.OfBatch():
		return PerRecord
	case !c.only.ofBatch(b):
		return Skipped
	}
	return verdict
}

// Edit implements Filter.
func (c *conditional) Edit(v *View) Verdict {
	if !c.only.OfBatch() {
		yes, ok := c.only.holds(v)
		switch {
		case !ok:
			return Unhandled
		case !yes:
			return Skipped
		}
	}
	return c.Filter.Edit(v)
}

// ForLog implements Stateful.
func (c *conditional) ForLog(log string) Filter {
	s, ok := c.Filter.(Stateful)
	if !ok {
		return c
	}
	return &conditional{s.ForLog(log), c.only}
}
