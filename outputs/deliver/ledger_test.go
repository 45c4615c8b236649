package deliver_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deliver"
	"github.com/penstock/penstock/outputs/outputtest"
)

// A commit whose answer was lost may be stored. It is made again before any other, so that what is
// committed next is a change of what is there and not of what was there before.
func TestCommitOfUnknownOutcomeComesFirst(t *testing.T) {
	for name, fault := range map[string]outputtest.CommitFault{
		"stored": outputtest.CommitUnknown, "not stored": outputtest.CommitFails,
	} {
		t.Run(name, func(t *testing.T) {
			log := outputtest.NewMemLog("log")
			log.Skip(10)
			env := outputs.Env{Log: slog.New(slog.DiscardHandler)}
			l := deliver.NewLedger(log.Owner(), outputs.DefaultCommon().Retry, env)

			ctx, cancel := context.WithCancel(t.Context())
			log.SetCommitFault(func(int64, string) outputtest.CommitFault {
				cancel()
				return fault
			})
			intent := func(note string) string { return note + "intent " }
			if err := l.Change(ctx, 0, intent); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			log.SetCommitFault(nil)
			if err := l.Advance(t.Context(), 5); err != nil {
				t.Fatal(err)
			}
			if pos, note := log.Owner().Committed(); pos != 5 || note != "intent " {
				t.Errorf("committed: %d %q", pos, note)
			}
		})
	}
}

// A log that belongs to somebody else is given up at the first commit that says so, and not tried
// for: its flight ends, and with it what is written to the destination.
func TestLostLogIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := outputtest.NewMemLog("log")
		log.Skip(10)
		env := outputs.Env{Log: slog.New(slog.DiscardHandler)}
		l := deliver.NewLedger(log.Owner(), outputs.DefaultCommon().Retry, env)
		if err := l.Advance(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		log.Owner()
		err := l.Follow(t.Context(), func(ctx context.Context, reached func(int64)) error {
			reached(5)
			<-ctx.Done()
			return ctx.Err()
		})
		if !errors.Is(err, record.ErrFenced) {
			t.Errorf("the flight ended with %v", err)
		}
		change := func(string) string { return "x" }
		if err := l.Change(t.Context(), 7, change); !errors.Is(err, record.ErrFenced) {
			t.Errorf("the note was changed: %v", err)
		}
		if pos, note := log.Committed(); pos != 3 || note != "" {
			t.Errorf("committed: %d %q", pos, note)
		}
	})
}
