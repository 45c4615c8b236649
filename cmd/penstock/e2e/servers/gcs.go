package servers

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// GCS is fake-gcs-server, the emulator of Google Cloud Storage, over a directory.
type GCS struct {
	dir, addr string
	p         *process
}

// NewGCS starts an emulator with its data under dir and the given buckets. The binary is
// $PENSTOCK_FAKE_GCS.
func NewGCS(dir string, buckets ...string) (*GCS, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	if os.Getenv("PENSTOCK_FAKE_GCS") == "" {
		return nil, fmt.Errorf("fake-gcs-server: %w", ErrMissing)
	}
	g := &GCS{dir: dir, addr: fmt.Sprintf("127.0.0.1:%d", port)}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := g.Start(); err != nil {
		return nil, err
	}
	for _, b := range buckets {
		resp, err := http.Post(
			g.URL()+"b?project=test", "application/json",
			strings.NewReader(fmt.Sprintf(`{"name":%q}`, b)),
		)
		if err != nil {
			g.Close()
			return nil, err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			g.Close()
			return nil, fmt.Errorf("create bucket %s: %s", b, resp.Status)
		}
	}
	return g, nil
}

// URL returns the endpoint of the emulator's JSON API, with a final slash.
func (g *GCS) URL() string { return "http://" + g.addr + "/storage/v1/" }

// Start starts the emulator and returns once it listens.
func (g *GCS) Start() error {
	host, port, _ := strings.Cut(g.addr, ":")
	cmd := exec.Command(
		os.Getenv("PENSTOCK_FAKE_GCS"), "-scheme", "http", "-host", host, "-port", port,
		"-public-host", g.addr, "-external-url", "http://"+g.addr, "-backend", "filesystem",
		"-filesystem-root", filepath.Join(g.dir, "data"),
	)
	p, err := startProcess(cmd, filepath.Join(g.dir, "gcs.log"))
	if err != nil {
		return fmt.Errorf("start fake-gcs-server: %w", err)
	}
	g.p = p
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return p.waitListening(ctx, g.addr)
}

// Close kills the emulator.
func (g *GCS) Close() { g.p.kill() }
