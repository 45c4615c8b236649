package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// command runs a program. Its exit code 0 means done, also where what it has begun goes on. One
// that takes too long is killed with all that it has begun.
type command struct{ cfg Config }

// said is how much of a program's output is kept for the message.
const said = 512

func (c *command) Run(ctx context.Context, p *Partition) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.cfg.Command[0], c.cfg.Command[1:]...)
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Env = append(
		os.Environ(),
		"PENSTOCK_TOPIC="+p.Topic,
		"PENSTOCK_PATH="+p.Path,
		"PENSTOCK_LOCATION="+p.Location,
		"PENSTOCK_START="+p.Start.UTC().
			Format(time.RFC3339),
		"PENSTOCK_END="+p.End.UTC().Format(time.RFC3339),
	)
	for i, name := range p.Names {
		cmd.Env = append(
			cmd.Env,
			"PENSTOCK_VALUE_"+variable(name)+"="+strings.ReplaceAll(p.Values[i], "\x00", ""),
		)
	}
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Errorf("command %s: %w: %s", c.cfg.Command[0], err, bytes.TrimSpace(out))
	}
	return nil
}

// tail is the end of what was written.
type tail []byte

func (t *tail) Write(p []byte) (int, error) {
	*t = append(*t, p[max(0, len(p)-said):]...)
	*t = append((*t)[:0], (*t)[max(0, len(*t)-said):]...)
	return len(p), nil
}

func variable(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}
