package outputs

import (
	"context"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// DeadLetter keeps what a destination refuses for good. Safe for concurrent use.
type DeadLetter interface {
	// Bury returns nil once all of letters is durable. Errors are retryable: the caller tries again for ever, since the records are not
	// safe anywhere else.
	Bury(ctx context.Context, letters []Letter) error
}

// Letter is one refused record. Its slices are not kept.
type Letter struct {
	Record record.Record // Offset is its position in the log of Output
	Tag    string
	Origin string
	Topic  string // the destination chosen for it, if known
	Output string // the component that could not take it
	Reason string
	Time   time.Time // of the refusal
	// Raw is set instead of Record for a batch that cannot be read: its bytes as they were found.
	Raw []byte
}

// Letters returns the records of b that are listed in refused, or all of them with the same reason if refused is nil.
func Letters(b *record.Batch, output, reason string, refused []RecordError) []Letter {
	letter := Letter{Tag: b.Tag, Origin: b.Origin, Topic: b.Topic, Output: output, Reason: reason, Time: time.Now().UTC()}
	recs, err := b.Records()
	if err != nil {
		letter.Raw, _ = b.Packed(record.None)
		letter.Record.Offset = b.First
		letter.Reason = reason + "; " + err.Error()
		return []Letter{letter}
	}
	var out []Letter
	i := 0
	for r := range recs {
		if refused == nil {
			letter.Record = *r
			out = append(out, letter)
		} else if len(refused) > 0 && refused[0].Index == i {
			letter.Record, letter.Reason = *r, refused[0].Err.Error()
			out = append(out, letter)
			refused = refused[1:]
		}
		if refused != nil && len(refused) == 0 {
			break
		}
		i++
	}
	return out
}

// DeadLetterFunc adapts d to what inputs are lent: it tries until the letters are durable or ctx ends.
func DeadLetterFunc(d DeadLetter, env Env, retry Retry) func(ctx context.Context, b *record.Batch, reason string) error {
	t := newBurialTrouble(env)
	return func(ctx context.Context, b *record.Batch, reason string) error {
		return bury(ctx, d, Letters(b, env.Name, reason, nil), retry, t)
	}
}

func newBurialTrouble(env Env) *trouble {
	return &trouble{log: env.Log, what: "the dead letter", do: "make room for it or repair it: what it cannot keep holds up what follows"}
}

func bury(ctx context.Context, d DeadLetter, letters []Letter, retry Retry, t *trouble) error {
	back := backoff{Retry: retry}
	for {
		err := d.Bury(ctx, letters)
		if err == nil {
			t.worked()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		t.failed(err)
		if err := back.wait(ctx); err != nil {
			return err
		}
	}
}

// DeadLetterTo returns a dead letter that hands refused records to another output, with the reason in headers.
func DeadLetterTo(to *Drainer) DeadLetter { return deadLetterTo{to.send} }

type deadLetterTo struct{ send *sender }

// Headers that a record carries when another output takes it as a dead letter.
const (
	HeaderReason = "penstock-dead-letter-reason"
	HeaderOutput = "penstock-dead-letter-output"
	HeaderTime   = "penstock-dead-letter-time"
	HeaderTopic  = "penstock-dead-letter-topic"
)

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
		if _, err := d.send.deliver(ctx, record.FromRecords(letters[0].Tag, letters[0].Origin, recs), nil); err != nil {
			return err
		}
		letters = letters[n:]
	}
	return nil
}
