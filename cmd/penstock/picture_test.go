package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// The picture in README is what penstock graph makes of the configuration beside it, and can be
// read in light and dark. With -update it is written anew.
func TestPictureIsMadeFromText(t *testing.T) {
	t.Parallel()
	const picture = "../../examples/pipeline.svg"
	var out bytes.Buffer
	cmd := rootCommand(&out, io.Discard)
	cmd.SetArgs([]string{"graph", "--format", "svg", "../../examples/pipeline.hcl"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	if runtest.Update() {
		if err := os.WriteFile(picture, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, out.Bytes()) {
		t.Error("examples/pipeline.svg is another picture than examples/pipeline.hcl makes: -update")
	}
	if !strings.Contains(string(got), "prefers-color-scheme: dark") {
		t.Error("the picture has no colours for the dark")
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "(examples/pipeline.svg)") {
		t.Error("README does not show it")
	}
}
