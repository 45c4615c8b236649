package e2e

import (
	"slices"
	"testing"

	"github.com/penstock/penstock/cmd/penstock/demo"
)

// checkOrder fails if the lines of an app arrived in another order than they were written. Where files are compressed while the agent is killed,
// a generation has been seen to come late, once in many hundred kills: that is told here, and does not fail.
func checkOrder(t *testing.T, ledger *demo.Ledger, apps []*demo.App) {
	t.Helper()
	for _, app := range apps {
		b := ledger.Check(map[string]int64{app.Source: app.Written()})
		switch {
		case b.Disordered == 0:
		case slices.Contains(app.Kinds, demo.RenameGzip):
			t.Logf("%s: %d lines of a compressed generation came late: %v", app.Source, b.Disordered, b.Notes)
		default:
			t.Errorf("%s: %d lines out of order: %v", app.Source, b.Disordered, b.Notes)
		}
	}
}
