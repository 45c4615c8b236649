package outputs

import (
	"context"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

// DeadLetter keeps what a destination refuses for good. Safe for concurrent use.
type DeadLetter interface {
	// Keep returns nil once all of dead is durable. Errors are retryable: the caller tries again
	// for ever, since the records are not safe anywhere else.
	Keep(ctx context.Context, dead []DeadRecord) error
}

// DeadRecord is one refused record. Its slices are not kept.
type DeadRecord struct {
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

// DeadRecords returns the records of b that are listed in refused, or all of them with the same
// reason if refused is nil.
func DeadRecords(b *record.Batch, output, reason string, refused []RecordError) []DeadRecord {
	dead := DeadRecord{
		Tag:    b.Tag,
		Origin: b.Origin,
		Topic:  b.Topic,
		Output: output,
		Reason: reason,
		Time:   time.Now().UTC(),
	}
	recs, err := b.Records()
	if err != nil {
		dead.Raw, _ = b.PackedAsKept(record.None)
		dead.Record.Offset = b.First
		dead.Reason = reason + "; " + err.Error()
		return []DeadRecord{dead}
	}
	var out []DeadRecord
	i := 0
	for r := range recs {
		if refused == nil {
			dead.Record = *r
			out = append(out, dead)
		} else if len(refused) > 0 && refused[0].Index == i {
			dead.Record, dead.Reason = *r, refused[0].Err.Error()
			out = append(out, dead)
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
