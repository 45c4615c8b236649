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

func (d another) Keep(ctx context.Context, letters []outputs.Letter) error {
	for len(letters) > 0 {
		n := 1
		for n < len(letters) &&
			letters[n].Tag == letters[0].Tag && letters[n].Origin == letters[0].Origin {
			n++
		}
		recs := make([]record.Record, n)
		for i, l := range letters[:n] {
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
			ctx, record.FromRecords(letters[0].Tag, letters[0].Origin, recs),
		); err != nil {
			return err
		}
		letters = letters[n:]
	}
	return nil
}
