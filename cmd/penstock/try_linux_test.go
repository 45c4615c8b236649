package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const triedOnATerminal = `record 1  2026-01-31T12:00:00Z  stdin  {"a":1,"b":2}
filter.set.p.1
before                                             after
<dim>time     2026-01-31T12:00:00Z<off>                    | <dim>time     2026-01-31T12:00:00Z<off>
<dim>tag      stdin<off>                                   | <dim>tag      stdin<off>
<dim>field.a  1<off>                                       | <dim>field.a  1<off>
<red>field.b  2<off>                                       ~ <green>field.b  3<off>
                                                 + <green>field.c  2<off>
-> output.stdout.out
`

// A terminal that is wide enough shows records side by side, in colours, and a narrow one in lines.
func TestTryOnATerminal(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "penstock.hcl")
	err := os.WriteFile(config, []byte(`
input "stdin" "in" {}
output "stdout" "out" {}
pipeline "p" {
  from = [input.stdin.in]
  to   = [output.stdout.out]
  filter "set" { fields = { b = "field.b + 1", c = "field.a * 2" } }
}
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for columns, want := range map[uint16]string{
		100: triedOnATerminal,
		79: `record 1              2026-01-31T12:00:00Z  stdin  {"a":1,"b":2}
filter.set.p.1        <green>2026-01-31T12:00:00Z  stdin  {"a":1,"b":3,"c":2}<off>
-> output.stdout.out
`,
	} {
		ours, theirs := openTerminal(t)
		size := &unix.Winsize{Row: 24, Col: columns}
		if err := unix.IoctlSetWinsize(int(theirs.Fd()), unix.TIOCSWINSZ, size); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("penstock", "try", "--time", "2026-01-31T12:00:00Z", config)
		cmd.Stdin, cmd.Stdout = strings.NewReader(`{"a":1,"b":2}`+"\n"), theirs
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		theirs.Close()
		shown, err := io.ReadAll(ours)
		if err != nil && len(shown) == 0 {
			t.Fatal(err)
		}
		got := strings.NewReplacer(
			"\r\n", "\n", "\x1b[2m", "<dim>", "\x1b[31m", "<red>", "\x1b[32m", "<green>", "\x1b[0m", "<off>",
		).Replace(string(shown))
		if got != want {
			t.Errorf("on %d columns:\n%s\nwant\n%s", columns, got, want)
		}
	}
}
