package spool

import (
	"context"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/partition"
)

// letter is a record that cannot be archived, to be kept by Env.DeadLetter.
type letter struct {
	record.Record
	reason string
}

// refuse makes a dead letter of a record. Those of a cut that is made again are kept once more: not
// all need have been refused the first time.
func (p *placing) refuse(r *record.Record, reason error) {
	p.letters = append(p.letters, letter{r.Clone(), reason.Error()})
	p.a.failing.deadLetters.add("log", p.log, "position", r.Offset, "reason", reason)
}

// bury hands the dead letters over. Nothing is committed that lies behind one which is not kept;
// after a crash some are kept twice.
func (p *placing) bury(ctx context.Context) error {
	for len(p.letters) > 0 {
		reason, n := p.letters[0].reason, 1
		for n < len(p.letters) && p.letters[n].reason == reason {
			n++
		}
		recs := make([]record.Record, n)
		for i, l := range p.letters[:n] {
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
		p.letters = p.letters[n:]
	}
	p.letters = nil
	return nil
}
