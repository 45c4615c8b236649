package hook

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// command runs a program. Its exit code 0 means done.
type command struct{ cfg Config }

func (c *command) Run(ctx context.Context, p *Partition) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.cfg.Command[0], c.cfg.Command[1:]...)
	cmd.WaitDelay = 5 * time.Second
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
	if out, err := cmd.CombinedOutput(); err != nil {
		out = bytes.TrimSpace(out)
		return fmt.Errorf("command %s: %w: %s", c.cfg.Command[0], err, out[max(0, len(out)-512):])
	}
	return nil
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
