package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
)

var binary, demoBinary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "penstock-e2e")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary, demoBinary = filepath.Join(dir, "penstock"), filepath.Join(dir, "demo")
		cmd := exec.Command(
			"go", "build", "-o", dir, "github.com/penstock/penstock/cmd/penstock",
			"github.com/penstock/penstock/cmd/demo",
		)
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build penstock: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// parallel runs a test beside others: most of its time it waits. In the long form it has the
// machine for itself, and for the servers that it starts.
func parallel(t *testing.T) {
	if !runtest.Long() {
		t.Parallel()
	}
}

// kills returns how often a crash test kills: n times, or $PENSTOCK_KILLS.
func kills(t *testing.T, n int) int { return runtest.Number(t, "PENSTOCK_KILLS", n) }

// agent is the real binary under a config, started and killed at will. Not safe for concurrent use
// but for its URL.
type agent struct {
	t       *testing.T
	config  string
	logPath string
	admin   string // host:port
	env     []string
	program string // the binary, but for one test
	files   int    // limit of open files; 0: the test's own

	cmd  *exec.Cmd
	done chan struct{}
}

// newAgent writes the config, in which ADMIN stands for the address of the admin server.
func newAgent(t *testing.T, name, config string) *agent {
	t.Helper()
	dir := t.TempDir()
	a := &agent{
		t:       t,
		program: binary,
		config:  filepath.Join(dir, name+".hcl"),
		logPath: filepath.Join(dir, name+".log"),
		admin:   servers.FreeAddr(t),
	}
	if err := os.WriteFile(
		a.config, []byte(strings.ReplaceAll(config, "ADMIN", a.admin)), 0o644,
	); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.kill()
		if t.Failed() {
			t.Logf("the end of %s:\n%s", name, shortLines(a.logPath, 20))
			if keep := os.Getenv("PENSTOCK_KEEP"); keep != "" {
				_ = exec.Command("cp", "-r", dir, keep).Run()
			}
		}
	})
	return a
}

// start starts the binary and returns at once.
func (a *agent) start() {
	a.t.Helper()
	a.keepAddress()
	log, err := os.OpenFile(a.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		a.t.Fatal(err)
	}
	defer log.Close()
	a.cmd = exec.Command(a.program, "run", a.config)
	if a.files > 0 {
		// it is the hard limit that counts
		limit := fmt.Sprintf(`ulimit -n %d && ulimit -Sn %d && exec "$0" "$@"`, a.files, a.files/2)
		a.cmd = exec.Command("sh", "-c", limit, a.program, "run", a.config)
	}
	a.cmd.Stdout, a.cmd.Stderr = log, log
	a.cmd.Env = append(os.Environ(), a.env...)
	if err := a.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.done = make(chan struct{})
	go func() {
		defer close(a.done)
		_ = a.cmd.Wait()
	}()
}

// keepAddress moves the admin server to another port if somebody has taken its port while the agent
// was down.
func (a *agent) keepAddress() {
	a.t.Helper()
	if l, err := net.Listen("tcp", a.admin); err == nil {
		_ = l.Close()
		return
	}
	text, err := os.ReadFile(a.config)
	if err != nil {
		a.t.Fatal(err)
	}
	old := a.admin
	a.admin = servers.FreeAddr(a.t)
	if err := os.WriteFile(
		a.config, []byte(strings.ReplaceAll(string(text), old, a.admin)), 0o644,
	); err != nil {
		a.t.Fatal(err)
	}
}

// kill ends the process with SIGKILL and waits for it.
func (a *agent) kill() {
	if a.cmd == nil || a.cmd.Process == nil { // it could not be started
		return
	}
	if a.running() {
		a.wantBalanceNow()
	}
	_ = a.cmd.Process.Kill()
	<-a.done
	a.cmd = nil
}

// signal sends a signal to the running process.
func (a *agent) signal(s syscall.Signal) {
	a.t.Helper()
	if err := a.cmd.Process.Signal(s); err != nil {
		a.t.Fatal(err)
	}
}

// terminate ends the process with SIGTERM and returns its exit code. What it leaves behind is
// accounted for.
func (a *agent) terminate(within time.Duration) int {
	a.t.Helper()
	code := a.terminateUnread(within)
	a.wantBalance()
	return code
}

// terminateUnread is terminate where what is left behind cannot be read.
func (a *agent) terminateUnread(within time.Duration) int {
	a.t.Helper()
	a.signal(syscall.SIGTERM)
	select {
	case <-a.done:
	case <-time.After(within):
		a.t.Fatalf("the agent did not end within %v of SIGTERM", within)
	}
	code := a.cmd.ProcessState.ExitCode()
	a.cmd = nil
	return code
}

// running reports whether the process has not ended by itself.
func (a *agent) running() bool {
	select {
	case <-a.done:
		return false
	default:
		return true
	}
}

// get fetches a page of the admin server.
func (a *agent) get(path string) (int, string, error) {
	c := http.Client{Timeout: 5 * time.Second}
	resp, err := c.Get("http://" + a.admin + path)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// metric returns the sum of a metric's samples whose line contains all of with.
func (a *agent) metric(name string, with ...string) (float64, error) {
	_, body, err := a.get("/metrics")
	if err != nil {
		return 0, err
	}
	sum := 0.0
lines:
	for _, line := range strings.Split(body, "\n") {
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		for _, w := range with {
			if !strings.Contains(line, w) {
				continue lines
			}
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, err
		}
		sum += v
	}
	return sum, nil
}

// pause waits for d or the end of the test: time that the system under test is given, not a wait
// for something.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func lastLines(path string, n int) string {
	data, _ := os.ReadFile(path)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// shortLines is lastLines, each of them of a length that several agents' can be read together.
func shortLines(path string, n int) string {
	lines := strings.Split(lastLines(path, n), "\n")
	for i, line := range lines {
		lines[i] = line[:min(len(line), 300)]
	}
	return strings.Join(lines, "\n")
}

// background runs fn until the returned stop is called, which reports fn's error.
func background(ctx context.Context, fn func(context.Context) error) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	errc := make(chan error, 1)
	go func() { errc <- fn(ctx) }()
	return sync.OnceValue(func() error {
		cancel()
		return <-errc
	})
}
