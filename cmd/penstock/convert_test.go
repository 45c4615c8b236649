package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var fromEnv = regexp.MustCompile(`env\("(\w+)"\)`)

// What convert makes passes validate on a machine that has nothing of what it refers to, and there
// is no agent there: what is lacking is a mistake to those who ask for an agent's eyes.
func TestConvertedConfigurationsAreValidOnAnyMachine(t *testing.T) {
	files, err := filepath.Glob("../../agent/convert/testdata/*/*/penstock.hcl")
	if err != nil || len(files) < 90 {
		t.Fatal(len(files), err)
	}
	lacking := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fromEnv.FindAllSubmatch(text, -1) {
			t.Setenv(string(m[1]), "") // so that it is set again afterwards
			if err := os.Unsetenv(string(m[1])); err != nil {
				t.Fatal(err)
			}
		}
		var said, strict bytes.Buffer
		if code := run([]string{"validate", file}, io.Discard, &said); code != exitOK {
			t.Errorf("%s: exit code %d\n%s", file, code, said.String())
		}
		if !strings.Contains(said.String(), "An agent does not start where that is so.") {
			continue
		}
		lacking++
		code := run([]string{"validate", "--deny-warnings", file}, io.Discard, &strict)
		if code != exitConfig || !strings.Contains(strict.String(), "error: ") {
			t.Errorf("%s: with --deny-warnings: exit code %d\n%s", file, code, strict.String())
		}
	}
	if lacking < 40 {
		t.Errorf("only %d of %d lack anything here", lacking, len(files))
	}
}
