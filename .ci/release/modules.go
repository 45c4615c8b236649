package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// module is a module that the program is linked with, on one of the platforms at least.
type module struct {
	path, version, dir string
	folders            []string // of its packages that are linked
}

const product = "github.com/penstock/penstock"

// linked lists the modules of the program on all platforms, and of all its variants, by path.
func linked() ([]module, error) {
	found := map[string]*module{}
	for _, platform := range platforms {
		goos, goarch, _ := strings.Cut(platform, "/")
		cmd := exec.Command("go", "list", "-deps", "-tags", "wasm_filter",
			"-json=Dir,Module", "./cmd/penstock")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("list what is linked for %s: %w", platform, err)
		}
		if err := addPackages(found, out); err != nil {
			return nil, err
		}
	}
	var all []module
	for _, m := range found {
		slices.Sort(m.folders)
		m.folders = slices.Compact(m.folders)
		all = append(all, *m)
	}
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return all, nil
}

func addPackages(found map[string]*module, out []byte) error {
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			Dir    string
			Module *struct{ Path, Version, Dir string }
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if p.Module == nil || p.Module.Path == product {
			continue
		}
		m := found[p.Module.Path]
		if m == nil {
			m = &module{path: p.Module.Path, version: p.Module.Version, dir: p.Module.Dir}
			found[m.path] = m
		}
		m.folders = append(m.folders, p.Dir)
	}
}

// texts are the licences and notices that hold for what is linked: those at the module's root and
// those on the way to its packages.
func (m module) texts() (licences, notices []string, err error) {
	dirs := map[string]bool{}
	for _, folder := range m.folders {
		for dir := folder; ; dir = filepath.Dir(dir) {
			dirs[dir] = true
			if dir == m.dir || len(dir) <= len(m.dir) {
				break
			}
		}
	}
	var sorted []string
	for dir := range dirs {
		sorted = append(sorted, dir)
	}
	slices.Sort(sorted)
	for _, dir := range sorted {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, nil, err
		}
		for _, e := range entries {
			name := strings.ToUpper(e.Name())
			isLicence := strings.HasPrefix(name, "LICEN") || strings.HasPrefix(name, "COPYING") ||
				strings.HasPrefix(name, "PATENTS")
			isNotice := strings.HasPrefix(name, "NOTICE")
			if e.IsDir() || strings.HasSuffix(name, ".GO") || !isLicence && !isNotice {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, nil, err
			}
			if isNotice {
				notices = append(notices, tidy(string(text)))
			} else {
				licences = append(licences, tidy(string(text)))
			}
		}
	}
	if len(licences) == 0 {
		return nil, nil, fmt.Errorf("%s has no licence: look at it before it is linked", m.path)
	}
	return licences, notices, nil
}

// tidy drops what differs between copies of one text and means nothing.
func tidy(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\f")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n") + "\n"
}

// identify names the licences of a text as SPDX does. One that is not known is an error, so that
// nothing comes in by itself that forbids what this project does.
func identify(text string) ([]string, error) {
	flat := strings.Join(strings.Fields(text), " ")
	has := func(s string) bool { return strings.Contains(flat, s) }
	var ids []string
	if has("Apache License Version 2.0") || has("Apache License, Version 2.0") {
		ids = append(ids, "Apache-2.0")
	}
	if has("Mozilla Public License") && has("2.0") {
		ids = append(ids, "MPL-2.0")
	}
	if has("Permission is hereby granted, free of charge") {
		ids = append(ids, "MIT")
	}
	if has("Permission to use, copy, modify, and/or distribute this software for any purpose") ||
		has("Permission to use, copy, modify, and distribute this software for any purpose") {
		ids = append(ids, "ISC")
	}
	if has("Redistribution and use in source and binary forms") {
		if has("endorse or promote products") {
			ids = append(ids, "BSD-3-Clause")
		} else {
			ids = append(ids, "BSD-2-Clause")
		}
	}
	if has("Additional IP Rights Grant (Patents)") {
		return nil, nil // adds to a licence, and is none itself
	}
	for _, no := range []string{"GNU GENERAL PUBLIC", "GNU AFFERO", "GNU LESSER", "Business Source License",
		"Server Side Public", "Commons Clause"} {
		if strings.Contains(strings.ToUpper(flat), strings.ToUpper(no)) && !slices.Contains(ids, "MPL-2.0") {
			return nil, fmt.Errorf("a text speaks of %q", no)
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("a licence that is not known begins %q", flat[:min(len(flat), 80)])
	}
	return ids, nil
}

// identifiers are the licences of a module.
func (m module) identifiers() ([]string, error) {
	licences, _, err := m.texts()
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, text := range licences {
		found, err := identify(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.path, err)
		}
		ids = append(ids, found...)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}
