package deliver_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

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
