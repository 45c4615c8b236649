package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// Commands and flags of other programs lead to what is to be written here.
func TestForeignArguments(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"start x.hcl":             "penstock run CONFIG",
		"stop":                    "penstock drain",
		"reload":                  "SIGHUP",
		"configtest x.hcl":        "penstock validate CONFIG",
		"run --dry-run x.hcl":     "penstock validate CONFIG",
		"-c x.hcl":                "penstock run FILE",
		"run -config x.hcl":       "penstock run FILE",
		"--config=x.hcl run":      "penstock run FILE",
		"run --log-level debug":   `level = "debug"`,
		"validate --unheard-of x": "See penstock validate --help",
	} {
		var errs bytes.Buffer
		code := run(strings.Fields(line), io.Discard, &errs)
		if code != exitConfig || !strings.Contains(errs.String(), want) {
			t.Errorf("penstock %s: exit code %d, not %q:\n%s", line, code, want, errs.String())
		}
	}
	for _, flag := range []string{"--version", "-version", "-V"} {
		var out bytes.Buffer
		if run([]string{flag}, &out, io.Discard) != exitOK || !strings.HasPrefix(out.String(), "penstock ") {
			t.Errorf("%s prints %s", flag, out.String())
		}
	}
}
