package e2e

import (
	"testing"

	"github.com/penstock/penstock/cmd/penstock/demo"
)

// checkOrder fails if the lines of an app arrived in another order than they were written.
func checkOrder(t *testing.T, ledger *demo.Ledger, apps []*demo.App) {
	t.Helper()
	for _, app := range apps {
		if b := ledger.Check(map[string]int64{app.Source: app.Written()}); b.Disordered != 0 {
			t.Errorf("%s: %d lines out of order: %v", app.Source, b.Disordered, b.Notes)
		}
	}
}
