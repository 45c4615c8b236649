package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"golang.org/x/sys/unix"
)

// On a terminal the log is text, elsewhere JSON, unless the configuration says which.
func TestLogFormat(t *testing.T) {
	for _, c := range []struct {
		format   string
		terminal bool
		json     bool
	}{
		{"auto", true, false}, {"auto", false, true},
		{"json", true, true}, {"json", false, true},
		{"text", true, false}, {"text", false, false},
	} {
		name := fmt.Sprintf("%s, terminal %v", c.format, c.terminal)
		t.Run(name, func(t *testing.T) {
			if got := logsJSON(c.format, c.terminal); got != c.json {
				t.Errorf("JSON: %v, want %v", got, c.json)
			}
			line := firstLogged(t, c.format, c.terminal)
			if got := json.Valid(
				[]byte(line),
			); got != c.json ||
				!got && !strings.HasPrefix(line, "time=") {
				t.Errorf("logged %q", line)
			}
		})
	}
}

// firstLogged runs penstock with its standard error on a terminal or on a pipe, and returns the
// first line.
func firstLogged(t *testing.T, format string, terminal bool) string {
	t.Helper()
	dir := t.TempDir()
	config := fmt.Sprintf(`
agent {
  data_dir = %q
  admin { listen = %q }
  log { format = %q }
}
input "tail" "app" { paths = [%q] }
output "file" "sink" { path = %q }
pipeline "p" {
  from = [input.tail.app]
  to   = [output.file.sink]
}
`, filepath.Join(dir, "data"), servers.FreeAddr(t), format, filepath.Join(dir, "*.in"), filepath.Join(dir, "out"))
	if format == "auto" {
		config = strings.Replace(config, `  log { format = "auto" }`, "", 1)
	}
	path := filepath.Join(dir, "c.hcl")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	exe, err := exec.LookPath("penstock")
	if err != nil {
		t.Fatal(err)
	}
	var ours, theirs *os.File
	if terminal {
		ours, theirs = openTerminal(t)
	} else if ours, theirs, err = os.Pipe(); err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	cmd := exec.Command(exe, "run", path)
	cmd.Stderr = theirs
	err = cmd.Start()
	_ = theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	line, err := bufio.NewReader(ours).ReadString('\n')
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// openTerminal opens a pseudo-terminal: what is written to theirs is read from ours.
func openTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no pseudo-terminals here")
	}
	if err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetUint32(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		_ = ours.Close()
		t.Fatal(err)
	}
	return ours, theirs
}
