package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Registry is Apicurio Registry, with all in memory. It has APIs of its own and Confluent's.
type Registry struct {
	addr string
	p    *process
}

// NewRegistry starts a registry of a major version, with its log in dir. $PENSTOCK_REGISTRY has the
// versions, each in a directory.
func NewRegistry(dir, version string) (*Registry, error) {
	found, _ := filepath.Glob(filepath.Join(os.Getenv("PENSTOCK_REGISTRY"), version, "*-runner.jar"))
	if len(found) == 0 {
		return nil, fmt.Errorf("apicurio registry: %w", ErrMissing)
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	r := &Registry{addr: fmt.Sprintf("127.0.0.1:%d", port)}
	cmd := exec.Command(
		"java", "-Xmx400m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar", found[0],
	)
	cmd.Env = append(
		os.Environ(), "QUARKUS_HTTP_HOST=127.0.0.1", fmt.Sprintf("QUARKUS_HTTP_PORT=%d", port),
	)
	if r.p, err = startProcess(cmd, filepath.Join(dir, "registry"+version+".log")); err != nil {
		return nil, fmt.Errorf("start apicurio registry: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	if err := r.p.waitListening(ctx, r.addr); err != nil {
		r.p.kill()
		return nil, err
	}
	return r, nil
}

// URL returns that of an API, such as registry/v3 or ccompat/v7.
func (r *Registry) URL(api string) string { return "http://" + r.addr + "/apis/" + api }

// Close ends the registry for good.
func (r *Registry) Close() { r.p.kill() }
