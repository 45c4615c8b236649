package deliver

import (
	"context"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/outputs"
)

// DeadLetterFunc adapts d to what inputs are lent: it tries until the records are durable or ctx
// ends.
func DeadLetterFunc(
	d outputs.DeadLetter, env outputs.Env, wait outputs.Retry,
) func(ctx context.Context, b *record.Batch, reason string) error {
	t := NewDeadLetterLog(env)
	return func(ctx context.Context, b *record.Batch, reason string) error {
		return writeDeadLetter(ctx, d, outputs.DeadRecords(b, env.Name, reason, nil), wait, t)
	}
}

func NewDeadLetterLog(env outputs.Env) *fault.FailureLog {
	return &fault.FailureLog{
		Log:  env.Log,
		What: "the dead letter",
		Do:   "make room for it or repair it: what it cannot keep holds up what follows",
	}
}

func writeDeadLetter(
	ctx context.Context, d outputs.DeadLetter, dead []outputs.DeadRecord, wait outputs.Retry,
	t *fault.FailureLog,
) error {
	keep := func() error { return d.Keep(ctx, dead) }
	err := fault.Persist(ctx, wait.Backoff(), keep, func(err error) error {
		t.Failed(err)
		return nil
	})
	if err == nil {
		t.Worked()
	}
	return err
}
