package main

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/tally"
)

// Where nothing was counted nobody is told that every record is accounted for.
func TestAuditOfNothingClaimsNothing(t *testing.T) {
	var out strings.Builder
	if err := new(auditing).write(&out, tally.Report{}); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); strings.Contains(s, "Every record") || !strings.Contains(s, "archive verify") {
		t.Error(s)
	}
	out.Reset()
	r := tally.Report{Lines: []tally.Line{{Pipeline: "p", Origin: "o"}}}
	if err := new(auditing).write(&out, r); err != nil || !strings.Contains(out.String(), "Every record") {
		t.Errorf("%v\n%s", err, &out)
	}
}
