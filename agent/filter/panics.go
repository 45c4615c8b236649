package filter

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/prometheus/client_golang/prometheus"
)

// panics counts and logs those of one filter.
type panics struct {
	name   string
	log    *slog.Logger // nil for none
	count  prometheus.Counter
	logged fault.Throttle
}

func newPanics(env Env) *panics {
	return &panics{name: env.Name, log: env.Log, count: env.counter(
		"penstock_filter_panics_total",
		"Records that a filter could not work on because of a mistake of its own; they are in the dead letter.",
	)}
}

// happened takes note of one, and returns why the record is refused.
func (p *panics) happened(cause any) (reason string) {
	p.count.Inc()
	reason = fmt.Sprintf("%s: panicked: %v", p.name, cause)
	if n := p.logged.Due(1, time.Now()); n > 0 && p.log != nil {
		p.log.Error(
			"a filter has a mistake and panics on a record, which goes to the dead letter; the rest goes on",
			"filter", p.name, "records", n, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()),
			"do", "report this, with the record from the dead letter; penstock replay --dead-letter takes it back once it is mended",
		)
	}
	return reason
}

// edit is Edit, but that a filter which panics refuses the record.
func edit(f Filter, v *View) (verdict Verdict) {
	defer func() {
		if cause := recover(); cause != nil {
			v.reason, verdict = f.meters().panics.happened(cause), Refused
		}
	}()
	return f.Edit(v)
}

// verdictOf is BatchVerdict, but that a filter which panics looks at each record.
func verdictOf(f Filter, b *record.Batch) (verdict Verdict) {
	defer func() {
		if recover() != nil { // which edit tells of
			verdict = PerRecord
		}
	}()
	return f.BatchVerdict(b)
}
