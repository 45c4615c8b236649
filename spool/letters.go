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
func (d *drain) refuse(r *record.Record, reason error) {
	d.spooled = true
	d.letters = append(d.letters, letter{*r, reason.Error()})
	d.a.deadLetters.add("log", d.log.Name(), "position", r.Offset, "reason", reason)
}

// bury hands the dead letters over. Nothing is committed that lies behind one which is not kept;
// after a crash some are kept twice.
func (d *drain) bury(ctx context.Context) error {
	for len(d.letters) > 0 {
		reason, n := d.letters[0].reason, 1
		for n < len(d.letters) && d.letters[n].reason == reason {
			n++
		}
		recs := make([]record.Record, n)
		for i, l := range d.letters[:n] {
			recs[i] = l.Record
		}
		b := record.FromRecords(d.in.Tag, d.log.Name(), recs)
		if d.id.topic != "" {
			b.Topic = d.id.topic
		}
		if err := d.a.env.DeadLetter(ctx, b, reason); err != nil {
			return err
		}
		d.a.metrics.archived.WithLabelValues(classNames[partition.DeadLetter]).Add(float64(n))
		d.letters = d.letters[n:]
	}
	d.letters = nil
	return nil
}
