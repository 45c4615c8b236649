package spool

import (
	"context"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/partition"
)

// deadLetter is a record that cannot be archived, to be kept by Env.DeadLetter.
type deadLetter struct {
	record.Record
	reason string
}

// refuse makes a dead letter of a record. Those of a cut that is made again are kept once more: not
// all need have been refused the first time.
func (p *placement) refuse(r *record.Record, reason error) {
	p.deadLetters = append(p.deadLetters, deadLetter{r.Clone(), reason.Error()})
	p.a.failing.deadLetters.add(reason, "log", p.log, "position", r.Offset)
}

// writeDeadLetters hands the dead letters over. Nothing is committed that lies behind one which is
// not kept; after a crash some are kept twice.
func (p *placement) writeDeadLetters(ctx context.Context) error {
	for len(p.deadLetters) > 0 {
		reason, n := p.deadLetters[0].reason, 1
		for n < len(p.deadLetters) && p.deadLetters[n].reason == reason {
			n++
		}
		recs := make([]record.Record, n)
		for i, l := range p.deadLetters[:n] {
			recs[i] = l.Record
		}
		b := record.FromRecords(p.in.Tag, p.log, recs)
		if p.id.topic != "" {
			b.Topic = p.id.topic
		}
		if err := p.a.env.DeadLetter(ctx, b, reason); err != nil {
			return err
		}
		p.a.metrics.archived.WithLabelValues(classNames[partition.DeadLetter]).Add(float64(n))
		p.deadLetters = p.deadLetters[n:]
	}
	p.deadLetters = nil
	return nil
}
