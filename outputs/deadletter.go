package outputs

import (
	"context"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// DeadLetter keeps what a destination refuses for good. Safe for concurrent use.
type DeadLetter interface {
	// Keep returns nil once all of letters is durable. Errors are retryable: the caller tries again
	// for ever, since the records are not safe anywhere else.
	Keep(ctx context.Context, letters []Letter) error
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

// Letters returns the records of b that are listed in refused, or all of them with the same reason
// if refused is nil.
func Letters(b *record.Batch, output, reason string, refused []RecordError) []Letter {
	letter := Letter{
		Tag:    b.Tag,
		Origin: b.Origin,
		Topic:  b.Topic,
		Output: output,
		Reason: reason,
		Time:   time.Now().UTC(),
	}
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

// Headers that a record carries when another output takes it as a dead letter.
const (
	HeaderReason = "penstock-dead-letter-reason"
	HeaderOutput = "penstock-dead-letter-output"
	HeaderTime   = "penstock-dead-letter-time"
	HeaderTopic  = "penstock-dead-letter-topic"
)
