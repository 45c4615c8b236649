package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestVersionIsOneThatPackagesOrder(t *testing.T) {
	for _, c := range [][3]string{
		{"v1.2.3", "9", "1.2.3"}, {"v1.2.3-4-gabc", "9", "1.2.3-4-gabc"},
		{"0f1d975", "812", "0.0.0-dev.812.g0f1d975"},
	} {
		if got := releaseVersion(c[0], c[1]); got != c[2] {
			t.Errorf("of %q: got %q, want %q", c[0], got, c[2])
		}
	}
}

func TestLicencesAreIdentifiedAndUnknownOnesRefused(t *testing.T) {
	for text, want := range map[string]string{
		"Permission is hereby granted,\n free of charge, to any person":                     "MIT",
		"Apache License\n   Version 2.0, January 2004":                                      "Apache-2.0",
		"Redistribution and use in source and\nbinary forms":                                "BSD-2-Clause",
		"Redistribution and use in source and binary forms ... endorse or promote products": "BSD-3-Clause",
	} {
		got, err := identify(text)
		if err != nil || !slices.Equal(got, []string{want}) {
			t.Errorf("%q is %q, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"GNU AFFERO GENERAL PUBLIC LICENSE Version 3", "All rights reserved.",
		"Business Source License 1.1"} {
		if got, err := identify(text); err == nil {
			t.Errorf("%q is taken as %q", text, got)
		}
	}
}

func TestNoticeHasEachTextOnceAndNoTermsTwice(t *testing.T) {
	ours := "Apache License Version 2.0\n" + termsBegin + "\n1. one\n" + termsEnd + "\nAPPENDIX\n"
	dir := t.TempDir()
	var modules []module
	for name, text := range map[string]string{
		"a": "Apache License, Version 2.0\n" + termsBegin + "\n 1.  one\n\n" + termsEnd + "\nCopyright A\n",
		"b": "Permission is hereby granted, free of charge: B\n",
		"c": "Permission is hereby granted,  free of charge: B\n",
	} {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(at, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, "LICENSE"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		modules = append(modules, module{path: name, dir: at, folders: []string{at}})
	}
	got, err := noticeText(modules, ours)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(got, []byte("free of charge: B")); n != 1 {
		t.Errorf("one text stands %d times", n)
	}
	if bytes.Contains(got, []byte("1.  one")) || !bytes.Contains(got, []byte("Copyright A")) {
		t.Errorf("the terms, or not the copyright:\n%s", got)
	}
	if err := os.Remove(filepath.Join(dir, "b", "LICENSE")); err != nil {
		t.Fatal(err)
	}
	if _, err := noticeText(modules, ours); err == nil {
		t.Error("a module without a licence is taken")
	}
}

func TestBillNamesWhatIsLinkedAndOnWhatItDepends(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.0", Deps: []*debug.Module{
		{Path: "x.org/a", Version: "v1.0.0", Sum: "h1:a"}, {Path: "x.org/b", Version: "v2.0.0"},
	}}
	ids := map[string][]string{"x.org/a": {"MIT"}}
	graph := product + " x.org/a@v0.9.0\nx.org/a@v1.0.0 x.org/b@v2.0.0\nx.org/a@v0.9.0 x.org/gone@v1.0.0"
	made := time.Unix(1, 0).UTC()
	b := billOf(info, "1.0.0", "aa", made, ids, graph)
	var names []string
	for _, c := range b.Components {
		names = append(names, c.Purl)
	}
	want := []string{"pkg:golang/std@1.26.0", "pkg:golang/x.org/a@v1.0.0", "pkg:golang/x.org/b@v2.0.0"}
	if !slices.Equal(names, want) {
		t.Errorf("got %q", names)
	}
	if b.Components[1].Licences[0].Licence.ID != "MIT" {
		t.Errorf("a's licence: %v", b.Components[1])
	}
	on := map[string][]string{}
	for _, d := range b.Dependencies {
		on[d.Ref] = d.On
	}
	if !slices.Equal(on[want[1]], want[2:]) || !slices.Equal(on[purl(product, "1.0.0")], want[1:2]) {
		t.Errorf("got %v", on)
	}
	if again := billOf(info, "1.0.0", "aa", made, ids, graph); !bytes.Equal(asJSON(b), asJSON(again)) {
		t.Error("made twice, it is not the same")
	}
}

// The image, taken apart: digests, configuration, and a program that is there with its rights.
func TestImageIsWhatItSays(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"penstock": "program", "ca.crt": "trusted"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir("../..") // LICENSE and NOTICE
	i := image{version: "1.0.0", made: time.Unix(1e9, 0).UTC(), certificates: filepath.Join(dir, "ca.crt"),
		programs: []program{{"amd64", filepath.Join(dir, "penstock")}, {"arm64", filepath.Join(dir, "penstock")}}}
	to := filepath.Join(dir, "image.tar")
	if err := writeImage(to, i); err != nil {
		t.Fatal(err)
	}
	files := untar(t, to)
	var top, index, m manifest
	decode(t, files["index.json"].data, &top)
	decode(t, part(t, files, top.Manifests[0]), &index)
	if len(index.Manifests) != 2 || index.Manifests[1].Platform.Architecture != "arm64" {
		t.Fatalf("the index: %+v", index)
	}
	decode(t, part(t, files, index.Manifests[0]), &m)
	var config imageConfig
	decode(t, part(t, files, *m.Config), &config)
	if config.Config.User != "65532:65532" || !slices.Equal(config.Config.Cmd, []string{"run", "/etc/penstock"}) {
		t.Errorf("the configuration: %+v", config)
	}
	z, err := gzip.NewReader(bytes.NewReader(part(t, files, m.Layers[0])))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil || digest(raw) != config.RootFS.DiffIDs[0] {
		t.Errorf("the layer is %s, not %s, %v", digest(raw), config.RootFS.DiffIDs[0], err)
	}
	layer := entriesOf(t, raw)
	for name, want := range map[string]held{
		"usr/bin/penstock": {0o755, 0, []byte("program")}, "var/lib/penstock/": {0o750, imageUser, nil},
		"tmp/": {0o1777, 0, nil}, "etc/penstock/": {0o755, 0, nil},
		"etc/ssl/certs/ca-certificates.crt": {0o644, 0, []byte("trusted")},
	} {
		got := layer[name]
		if got.mode != want.mode || got.owner != want.owner || !bytes.Equal(got.data, want.data) {
			t.Errorf("%s: %o of %d, want %o of %d", name, got.mode, got.owner, want.mode, want.owner)
		}
	}
	var older []struct{ Config string }
	decode(t, files["manifest.json"].data, &older)
	if files[older[0].Config].data == nil {
		t.Error("manifest.json names a configuration that is not there")
	}
	again := filepath.Join(dir, "again.tar")
	if err := writeImage(again, i); err != nil {
		t.Fatal(err)
	}
	if err := same(to, again); err != nil {
		t.Error(err)
	}
}

type held struct {
	mode  int64
	owner int
	data  []byte
}

func untar(t *testing.T, path string) map[string]held {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return entriesOf(t, data)
}

func entriesOf(t *testing.T, data []byte) map[string]held {
	t.Helper()
	found := map[string]held{}
	r := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		var content []byte
		if !strings.HasSuffix(h.Name, "/") {
			if content, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		found[h.Name] = held{h.Mode, h.Uid, content}
	}
}

func part(t *testing.T, files map[string]held, d descriptor) []byte {
	t.Helper()
	data := files[blobPath(d.Digest)].data
	if digest(data) != d.Digest || len(data) != d.Size {
		t.Fatalf("the part %s is not what it should be", d.Digest)
	}
	return data
}

func decode(t *testing.T, data []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(data, to); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
}
