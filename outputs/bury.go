package outputs

import (
	"context"

	"github.com/penstock/penstock/buffer/record"
)

// DeadLetterFunc adapts d to what inputs are lent: it tries until the letters are durable or ctx ends.
func DeadLetterFunc(d DeadLetter, env Env, wait Retry) func(ctx context.Context, b *record.Batch, reason string) error {
	t := newBurialTrouble(env)
	return func(ctx context.Context, b *record.Batch, reason string) error {
		return bury(ctx, d, Letters(b, env.Name, reason, nil), wait, t)
	}
}

func newBurialTrouble(env Env) *trouble {
	return &trouble{log: env.Log, what: "the dead letter", do: "make room for it or repair it: what it cannot keep holds up what follows"}
}

func bury(ctx context.Context, d DeadLetter, letters []Letter, wait Retry, t *trouble) error {
	back := backoff{Retry: wait}
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
