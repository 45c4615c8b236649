package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// stopper runs penstock with the arguments after the steps, and takes the steps. A step is a signal
// ("TERM", "HUP"), "ready" (until /readyz says so), "log=TEXT" (until standard error holds it),
// "cp=FROM:TO", "HUP=FROM:TO" (a signal while it waits for TO, a named pipe, which is then given
// FROM and replaced by it), or "page=PATH=TEXT" (until the admin server's page holds it). Then it
// prints what penstock wrote, and ends with its exit code.
//
//	stopper ready TERM -- run edge.hcl
func stopper() {
	var steps []string
	args := os.Args[1:]
	for len(args) > 0 && args[0] != "--" {
		steps, args = append(steps, args[0]), args[1:]
	}
	self, err := exec.LookPath("penstock")
	if err != nil {
		fail(err)
	}
	cmd := exec.Command(self, args[1:]...)
	errFile, err := os.CreateTemp("", "stderr")
	if err != nil {
		fail(err)
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, errFile
	if err := cmd.Start(); err != nil {
		fail(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	logged := func() string {
		b, _ := os.ReadFile(errFile.Name())
		return string(b)
	}
	for _, step := range steps {
		if err := take(step, cmd.Process, logged); err != nil {
			fmt.Fprintln(os.Stderr, logged())
			_ = cmd.Process.Kill()
			fail(fmt.Errorf("%s: %w", step, err))
		}
	}
	select {
	case err = <-ended:
	case <-time.After(30 * time.Second):
		fmt.Fprintln(os.Stderr, logged())
		_ = cmd.Process.Kill()
		fail(errors.New("penstock does not end"))
	}
	fmt.Fprint(os.Stderr, logged())
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		fmt.Println("exit code", exit.ExitCode())
		os.Exit(exit.ExitCode())
	}
	fmt.Println("exit code 0")
}

func take(step string, p *os.Process, logged func() string) error {
	name, rest, _ := strings.Cut(step, "=")
	switch name {
	case "TERM":
		return p.Signal(syscall.SIGTERM)
	case "HUP":
		if rest != "" {
			return early(rest, p)
		}
		return p.Signal(syscall.SIGHUP)
	case "cp":
		from, to, _ := strings.Cut(rest, ":")
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o644)
	case "ready":
		return until(func() bool { return strings.HasPrefix(page("/readyz"), "ready") })
	case "log":
		return until(func() bool { return strings.Contains(logged(), rest) })
	case "page":
		path, text, _ := strings.Cut(rest, "=")
		return until(func() bool { return strings.Contains(page(path), text) })
	}
	return errors.New("unknown step")
}

// early takes the step HUP=FROM:TO.
func early(files string, p *os.Process) error {
	from, to, _ := strings.Cut(files, ":")
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	pipe, err := os.OpenFile(to, os.O_WRONLY, 0) // once penstock reads it
	if err != nil {
		return err
	}
	defer pipe.Close()
	if err := errors.Join(os.Rename(from, to), p.Signal(syscall.SIGHUP)); err != nil {
		return err
	}
	_, err = pipe.Write(text)
	return err
}

func until(cond func() bool) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case <-tick.C:
			if cond() {
				return nil
			}
		case <-deadline:
			return errors.New("timed out")
		}
	}
}

func page(path string) string {
	resp, err := http.Get("http://" + os.Getenv("ADMIN") + path)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		return ""
	}
	return b.String()
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "stopper:", err)
	os.Exit(99)
}
