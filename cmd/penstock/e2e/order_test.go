package e2e

import (
	"slices"
	"testing"

	"github.com/penstock/penstock/cmd/penstock/demo"
)

// checkOrder fails if the lines of an app arrived in another order than they were written. A generation that was compressed, or copied and truncated, while
// nobody looked may be read after its successor: that is known, told, and not yet mended, so it is counted here and no failure.
func checkOrder(t *testing.T, ledger *demo.Ledger, apps []*demo.App) {
	t.Helper()
	for _, app := range apps {
		b := ledger.Check(map[string]int64{app.Source: app.Written()})
		switch {
		case b.Disordered == 0:
		case slices.Contains(app.Kinds, demo.RenameGzip), slices.Contains(app.Kinds, demo.CopyTruncate):
			t.Logf("%s: %d lines of rotated generations came late: %v", app.Source, b.Disordered, b.Notes)
		default:
			t.Errorf("%s: %d lines out of order: %v", app.Source, b.Disordered, b.Notes)
		}
	}
}
