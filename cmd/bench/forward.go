package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const relayConfig = `
agent {
  data_dir = %[1]q
  name     = "bench"
  admin { listen = %[2]q }
}
input "forward" "clients" { listen = %[3]q }
%[4]s
pipeline "bench" {
  from = [input.forward.clients]
  to   = [%[5]s]
  buffer { sync = true }
}
`

// relay measures forward in, buffer, and on: until everything is acknowledged to the clients, which
// gives a row of its own, and until the destination has it all. The clients send packed chunks of
// about a megabyte and wait for acks, each with a few chunks on the way.
func (h *harness) relay(clients int, to string) func(context.Context) (usage, error) {
	return func(ctx context.Context) (usage, error) {
		var output, name string
		var wait func(context.Context) error
		switch to {
		case "kafka":
			b, err := startBroker(6, "")
			if err != nil {
				return usage{}, err
			}
			defer b.close()
			name, output = "output.kafka.events", fmt.Sprintf(
				"output \"kafka\" \"events\" {\n  brokers = [%q]\n  topic = \"bench\"\n}", b.addr,
			)
			wait = func(ctx context.Context) error { return b.waitStored(ctx, h.lines) }
		case "forward":
			s, err := startHelper("forward-sink", fmt.Sprint(h.lines))
			if err != nil {
				return usage{}, err
			}
			defer s.close()
			name, output = "output.forward.next", fmt.Sprintf(
				"output \"forward\" \"next\" {\n  server \"one\" { address = %q }\n}", s.first,
			)
			wait = s.wait
		}
		return h.relayRun(ctx, clients, to, output, name, wait)
	}
}

func (h *harness) relayRun(
	ctx context.Context, clients int, to, output, name string, wait func(context.Context) error,
) (usage, error) {
	listen, err := freePort()
	if err != nil {
		return usage{}, err
	}
	admin, err := freePort()
	if err != nil {
		return usage{}, err
	}
	data := filepath.Join(h.dir, "edge-data")
	_ = os.RemoveAll(data)
	e, err := h.startAgent(fmt.Appendf(nil, relayConfig, data, admin, listen, output, name), data)
	if err != nil {
		return usage{}, err
	}
	defer func() { _ = os.RemoveAll(data) }()
	defer e.stop()
	ctx, cancel := e.whileRunning(ctx)
	defer cancel()
	if err := waitListen(ctx, listen); err != nil {
		return usage{}, err
	}
	c, err := startHelper("forward-client", listen, fmt.Sprint(clients), fmt.Sprint(h.lines))
	if err != nil {
		return usage{}, err
	}
	defer c.close()
	m, acked := watch(e.cmd.Process.Pid), watch(e.cmd.Process.Pid)
	_, err = c.in.Write([]byte{'\n'}) // go
	if err == nil {
		err = c.wait(ctx)
	}
	au := acked.end()
	if err == nil {
		err = wait(ctx)
	}
	u := m.end()
	u.moved = h.lines * eventSize
	h.note(fmt.Sprintf("forward to buffer, acked, %d clients (%s)", clients, to), "").add(
		result{lines: h.lines, bytes: h.lines * eventSize, u: au},
	)
	return u, err
}

// startAgent starts the real binary under a config.
func (h *harness) startAgent(config []byte, data string) (*edge, error) {
	path := filepath.Join(h.dir, "agent.hcl")
	if err := os.WriteFile(path, config, 0o644); err != nil {
		return nil, err
	}
	return startAgent(h.binary, path, filepath.Join(h.dir, "edge.log"), data)
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func waitListen(ctx context.Context, addr string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// helper is one of this program's own workloads in a process of its own, which says one line when
// it is ready and one when it is done.
type helper struct {
	cmd   *exec.Cmd
	in    io.Writer
	first string
	lines chan string
}

func startHelper(args ...string) (*helper, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe, args...)
	cmd.SysProcAttr = childAttr()
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	h := &helper{cmd: cmd, in: in, lines: make(chan string, 2)}
	go func() {
		defer close(h.lines)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			h.lines <- strings.TrimSpace(sc.Text())
		}
	}()
	var ok bool
	if h.first, ok = <-h.lines; !ok {
		return nil, fmt.Errorf("%s did not start", strings.Join(args, " "))
	}
	return h, nil
}

// wait returns once the helper is done.
func (h *helper) wait(ctx context.Context) error {
	select {
	case _, ok := <-h.lines:
		if !ok {
			return fmt.Errorf("%s has failed", h.cmd.Args[1])
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for %s: %w", h.cmd.Args[1], context.Cause(ctx))
	}
}

func (h *helper) close() {
	_ = h.cmd.Process.Kill()
	_ = h.cmd.Wait()
}
