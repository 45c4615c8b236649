package spool

import (
	"slices"
	"testing"

	"github.com/penstock/penstock/buffer/record/template"
)

// The fields that the path shows are those that omit_path_fields leaves out.
func TestPathFields(t *testing.T) {
	var c Config
	c.Path = template.MustParse(`${topic}/c=${field.country}/${field["a.b"]["c"]}/dt=${strftime("%Y")}`)
	if got := c.pathFields(); !slices.Equal(got, []string{"country", `a\.b.c`}) {
		t.Errorf("%q", got)
	}
}
