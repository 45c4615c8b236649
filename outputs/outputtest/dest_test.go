package outputtest

import (
	"context"
	"testing"

	"github.com/penstock/penstock/buffer/record"
)

// A batch for which there was no room before its flight was given up has failed, and what comes
// behind it must not arrive, though there is room again.
func TestNothingOvertakesWhatFoundNoRoom(t *testing.T) {
	batch := func(origin, value string) *record.Batch {
		return record.FromRecords("t", origin, []record.Record{{Value: []byte(value)}})
	}
	for range 50 {
		d := NewDest()
		w := d.AsyncWriter(1)
		d.SetHung(true)
		room := make(chan struct{})
		w.Start(t.Context(), batch("other", "x"), func(error) { close(room) })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		failed := false
		w.Start(ctx, batch("a", "first"), func(err error) { failed = err != nil })
		d.SetHung(false)
		<-room
		w.Start(ctx, batch("a", "second"), func(error) {})
		if err := w.Close(); err != nil || !failed {
			t.Fatal(err, failed)
		}
		for _, r := range d.Received() {
			if string(r.Record.Value) == "second" {
				t.Fatal("it arrived")
			}
		}
	}
}
