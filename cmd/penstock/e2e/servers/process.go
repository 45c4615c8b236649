package servers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ErrMissing tells that a server is not installed here; `make integration` installs it.
var ErrMissing = errors.New("server is not installed")

// process is one run of a server.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	once sync.Once
}

func startProcess(cmd *exec.Cmd, logPath string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	// The server ends with the test, however that ends.
	cmd.SysProcAttr = childAttr()
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// childAttr's signal is sent when the thread that forked ends: stay on this one.
		runtime.LockOSThread()
		defer close(p.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	return p, <-started
}

func (p *process) kill() {
	p.once.Do(func() { _ = p.cmd.Process.Kill() })
	<-p.done
}

func (p *process) signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// freeze stops the process. kill(2) returns before it has: on a busy machine its threads go on
// until one of them has taken the signal.
func (p *process) freeze() error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if stopped, err := threadsStopped(p.cmd.Process.Pid); stopped || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d runs on 10s after SIGSTOP", p.cmd.Process.Pid)
		}
		<-tick.C
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// waitListening returns once addr takes connections.
func (p *process) waitListening(ctx context.Context, addr string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s: %w", p.cmd.Path, addr, ctx.Err())
		case <-p.done:
			return fmt.Errorf("%s ended: %v", p.cmd.Path, p.cmd.ProcessState)
		case <-tick.C:
		}
	}
}

// given has the ports that were handed out, with the files that are locked for them as long as this
// process lives: who got one may not listen yet, or not for a while.
var given sync.Map

// FreePort returns a loopback port that nobody listens on now, and that the system gives to nobody
// of itself: it is free as well when a server comes back to it. None is given twice, to other
// processes neither.
func FreePort() (int, error) {
	var err error
	for range 100 {
		var l net.Listener
		port := 20000 + rand.IntN(12000) // ports for connections begin at 32768, or above
		if err = claim(port); err != nil {
			continue
		}
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, err
}

// claim fails if a port was handed out by this process or another one that lives.
func claim(port int) error {
	dir := filepath.Join(os.TempDir(), "penstock-ports")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(port)), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("port %d is handed out: %w", port, err), f.Close())
	}
	given.Store(port, f)
	return nil
}

// FreeAddr returns the address of such a port.
func FreeAddr(t testing.TB) string {
	t.Helper()
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}
