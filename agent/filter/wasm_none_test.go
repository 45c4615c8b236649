//go:build !wasm_filter

package filter

import (
	"strings"
	"testing"
)

// A configuration that wants a module is told which program runs them, by validate already.
func TestAProgramWithoutWebAssemblyTellsWhichHasIt(t *testing.T) {
	t.Parallel()
	c := DefaultWasm()
	c.Module = "x.wasm"
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "make wasm") {
		t.Error(err)
	}
}
