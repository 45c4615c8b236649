package main

import (
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"os/exec"
	"strings"
)

const limit = 100

func main() {
	out, err := exec.Command(
		"git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.go", "*.md",
	).Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "list the files:", err)
		os.Exit(1)
	}
	failed := false
	for _, name := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		text, err := os.ReadFile(name)
		if err != nil || strings.Contains(name, "testdata/") {
			continue // removed, or somebody else's
		}
		lines := measured(name, text)
		for i, line := range lines {
			if n := width(line); n > limit && !mayBeLong(name, line) {
				fmt.Printf("%s:%d: %d columns, at most %d\n", name, i+1, n, limit)
				failed = true
			}
		}
	}
	if failed {
		os.Exit(1)
	}
}

// mayBeLong: the tables of tests are as long as they are, and an address cannot be broken.
func mayBeLong(name, line string) bool {
	text, comment := strings.CutPrefix(strings.TrimSpace(line), "//")
	if comment {
		return strings.Contains(text, "://")
	}
	return strings.HasSuffix(name, "_test.go")
}

// measured returns the lines of a file without what does not count.
func measured(name string, text []byte) []string {
	if strings.HasSuffix(name, ".md") {
		return prose(string(text))
	}
	fset := token.NewFileSet()
	file := fset.AddFile(name, -1, len(text))
	var s scanner.Scanner
	s.Init(file, text, nil, 0)
	out := append([]byte(nil), text...)
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			break
		}
		if tok != token.STRING && tok != token.CHAR {
			continue
		}
		at := file.Offset(pos)
		for i := at; i < at+len(lit) && i < len(out); i++ {
			if out[i] != '\n' {
				out[i] = 0
			}
		}
	}
	return strings.Split(strings.ReplaceAll(string(out), "\x00", ""), "\n")
}

// prose returns the lines of a Markdown file, those of tables and code empty.
func prose(text string) []string {
	lines := strings.Split(text, "\n")
	code := false
	for i, line := range lines {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if fence {
			code = !code
		}
		if code || fence || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "    ") {
			lines[i] = ""
		}
	}
	return lines
}

func width(line string) (n int) {
	for _, r := range line {
		if n++; r == '\t' {
			n += 3
		}
	}
	return n
}
