package outputs

import (
	"context"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// DeadLetterTo returns a dead letter that hands refused records to another output, with the reason in headers.
func DeadLetterTo(to interface {
	Deliver(ctx context.Context, b *record.Batch) error
}) DeadLetter {
	return deadLetterTo{to.Deliver}
}

type deadLetterTo struct {
	deliver func(ctx context.Context, b *record.Batch) error
}

func (d deadLetterTo) Bury(ctx context.Context, letters []Letter) error {
	for len(letters) > 0 {
		n := 1
		for n < len(letters) && letters[n].Tag == letters[0].Tag && letters[n].Origin == letters[0].Origin {
			n++
		}
		recs := make([]record.Record, n)
		for i, l := range letters[:n] {
			r := l.Record
			if l.Raw != nil {
				r.Value = l.Raw
			}
			r.Headers = append(r.Headers[:len(r.Headers):len(r.Headers)],
				record.Header{Key: HeaderReason, Value: []byte(l.Reason)},
				record.Header{Key: HeaderOutput, Value: []byte(l.Output)},
				record.Header{Key: HeaderTime, Value: []byte(l.Time.Format(time.RFC3339Nano))})
			if l.Topic != "" {
				r.Headers = append(r.Headers, record.Header{Key: HeaderTopic, Value: []byte(l.Topic)})
			}
			recs[i] = r
		}
		if err := d.deliver(ctx, record.FromRecords(letters[0].Tag, letters[0].Origin, recs)); err != nil {
			return err
		}
		letters = letters[n:]
	}
	return nil
}
