package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// notice writes what the licences of all that is linked want to be passed on.
func notice(to string, check bool) error {
	modules, err := linked()
	if err != nil {
		return err
	}
	root, err := output("go", "env", "GOROOT")
	if err != nil {
		return err
	}
	modules = append(modules, module{path: "the Go standard library", dir: root, folders: []string{root}})
	ours, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	text, err := noticeText(modules, tidy(string(ours)))
	if err != nil {
		return err
	}
	if !check {
		return os.WriteFile(to, text, 0o644)
	}
	stands, err := os.ReadFile(to)
	if err != nil {
		return err
	}
	if !bytes.Equal(stands, text) {
		return errors.New(filepath.Base(to) + " is not what is linked: run make notice")
	}
	return nil
}

// passed is a text and the modules that it stands for.
type passed struct {
	text string
	of   []string
}

func noticeText(modules []module, ours string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("penstock\nCopyright The penstock developers\n\n" +
		"Licensed under the Apache License, Version 2.0; see LICENSE.\n\n" +
		"The program holds the following modules, unchanged, under their own licences. Their source\n" +
		"is at the addresses that their paths name. The texts follow. Written by make notice.\n\n")
	var licences, notices []*passed
	add := func(to []*passed, text, path string) []*passed {
		for _, p := range to {
			if strings.Join(strings.Fields(p.text), " ") == strings.Join(strings.Fields(text), " ") {
				if p.of[len(p.of)-1] != path {
					p.of = append(p.of, path)
				}
				return to
			}
		}
		return append(to, &passed{text: text, of: []string{path}})
	}
	for _, m := range modules {
		ids, err := m.identifiers()
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "  %s  %s\n", m.path, strings.Join(ids, ", "))
		l, n, err := m.texts()
		if err != nil {
			return nil, err
		}
		for _, text := range l {
			licences = add(licences, withoutTerms(text, ours), m.path)
		}
		for _, text := range n {
			notices = add(notices, text, m.path)
		}
	}
	for _, part := range [][]*passed{notices, licences} {
		for _, p := range part {
			b.WriteString("\n" + strings.Repeat("-", 80) + "\n")
			for _, path := range p.of {
				b.WriteString(path + "\n")
			}
			b.WriteString("\n" + p.text)
		}
	}
	return b.Bytes(), nil
}

const (
	termsBegin = "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION"
	termsEnd   = "END OF TERMS AND CONDITIONS"
)

// withoutTerms leaves the terms of the Apache License out of a text where they are word by word
// those of this project's own, which comes along.
func withoutTerms(text, ours string) string {
	theirs, begin, end := terms(text)
	own, _, _ := terms(ours)
	if theirs == "" || theirs != own {
		return text
	}
	return text[:begin] + "(The terms are those in LICENSE.)" + text[end:]
}

// terms returns the words of the Apache License in a text, and where they stand.
func terms(text string) (words string, begin, end int) {
	begin, end = strings.Index(text, termsBegin), strings.Index(text, termsEnd)
	if begin < 0 || end < begin {
		return "", 0, 0
	}
	return strings.Join(strings.Fields(text[begin:end]), " "), begin, end
}
