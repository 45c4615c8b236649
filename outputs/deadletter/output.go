package deadletter

import (
	"context"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
)

// To returns a dead letter that hands refused records to another output, with the reason in
// headers.
func To(to interface {
	Deliver(ctx context.Context, b *record.Batch) error
}) outputs.DeadLetter {
	return another{to.Deliver}
}

type another struct {
	deliver func(ctx context.Context, b *record.Batch) error
}

func (d another) Keep(ctx context.Context, dead []outputs.DeadRecord) error {
	for len(dead) > 0 {
		n := 1
		for n < len(dead) &&
			dead[n].Tag == dead[0].Tag && dead[n].Origin == dead[0].Origin {
			n++
		}
		recs := make([]record.Record, n)
		for i, l := range dead[:n] {
			r := l.Record
			if l.Raw != nil {
				r.Value = l.Raw
			}
			r.Headers = append(
				r.Headers[:len(r.Headers):len(r.Headers)],
				record.Header{Key: outputs.HeaderReason, Value: []byte(l.Reason)},
				record.Header{Key: outputs.HeaderOutput, Value: []byte(l.Output)},
				record.Header{
					Key:   outputs.HeaderTime,
					Value: []byte(l.Time.Format(time.RFC3339Nano)),
				},
			)
			if l.Topic != "" {
				r.Headers = append(
					r.Headers, record.Header{Key: outputs.HeaderTopic, Value: []byte(l.Topic)},
				)
			}
			recs[i] = r
		}
		if err := d.deliver(
			ctx, record.FromRecords(dead[0].Tag, dead[0].Origin, recs),
		); err != nil {
			return err
		}
		dead = dead[n:]
	}
	return nil
}
