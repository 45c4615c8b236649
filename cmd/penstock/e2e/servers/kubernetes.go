package servers

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Kubernetes is a kube-apiserver on an etcd, and no more of a cluster: pods are what is written of
// them. The server can be killed and started again.
type Kubernetes struct {
	dir, addr, etcd string
	programs        string
	http            *http.Client
	store, server   *process
}

// kubeToken is that of an administrator.
const kubeToken = "of-the-administrator"

// NewKubernetes starts both with their data under dir. $PENSTOCK_KUBERNETES is the directory of the
// programs kube-apiserver and etcd.
func NewKubernetes(dir string) (*Kubernetes, error) {
	k := &Kubernetes{dir: dir, programs: os.Getenv("PENSTOCK_KUBERNETES"), http: &http.Client{}}
	for _, name := range []string{"kube-apiserver", "etcd"} {
		if _, err := os.Stat(filepath.Join(k.programs, name)); k.programs == "" || err != nil {
			return nil, fmt.Errorf("%s: %w", name, ErrMissing)
		}
	}
	var ports [3]int
	for i := range ports {
		var err error
		if ports[i], err = FreePort(); err != nil {
			return nil, err
		}
	}
	k.addr = fmt.Sprintf("127.0.0.1:%d", ports[0])
	k.etcd = fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	tokens := kubeToken + `,admin,admin,"system:masters"` + "\n"
	if err := errors.Join(
		os.WriteFile(k.path("accounts.key"), pem.EncodeToMemory(block), 0o600),
		os.WriteFile(k.path("tokens.csv"), []byte(tokens), 0o600),
	); err != nil {
		return nil, err
	}
	k.store, err = startProcess(exec.Command(
		filepath.Join(k.programs, "etcd"), "--data-dir", k.path("etcd"), "--unsafe-no-fsync",
		"--listen-client-urls", k.etcd, "--advertise-client-urls", k.etcd,
		"--listen-peer-urls", fmt.Sprintf("http://127.0.0.1:%d", ports[2]), "--log-level", "warn",
	), k.path("etcd.log"))
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	if err := k.Start(); err != nil {
		k.Close()
		return nil, err
	}
	return k, nil
}

func (k *Kubernetes) path(name string) string { return filepath.Join(k.dir, name) }

// URL returns that of the API server.
func (k *Kubernetes) URL() string { return "https://" + k.addr }

// CAFile returns the file with the authority of the server's certificate.
func (k *Kubernetes) CAFile() string { return k.path("certs/apiserver.crt") }

// Start starts the API server, and returns once it is ready.
func (k *Kubernetes) Start() error {
	_, port, _ := net.SplitHostPort(k.addr)
	p, err := startProcess(exec.Command(
		filepath.Join(k.programs, "kube-apiserver"), "--etcd-servers", k.etcd,
		"--bind-address", "127.0.0.1", "--secure-port", port, "--cert-dir", k.path("certs"),
		"--service-account-issuer", "https://kubernetes.default.svc",
		"--service-account-key-file", k.path("accounts.key"),
		"--service-account-signing-key-file", k.path("accounts.key"),
		"--service-cluster-ip-range", "10.0.0.0/24", "--authorization-mode", "RBAC",
		"--token-auth-file", k.path("tokens.csv"), "--disable-admission-plugins", "ServiceAccount",
	), k.path("kube-apiserver.log"))
	if err != nil {
		return fmt.Errorf("start kube-apiserver: %w", err)
	}
	k.server = p
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := p.waitListening(ctx, k.addr); err != nil {
		return err
	}
	pem, err := os.ReadFile(k.CAFile())
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	k.http.CloseIdleConnections()
	k.http.Transport = &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := k.Do(ctx, http.MethodGet, "/readyz", nil); err == nil {
			return nil
		} else if ctx.Err() != nil {
			return fmt.Errorf("kube-apiserver is not ready: %w", err)
		}
		<-tick.C
	}
}

// Do sends a request with the rights of an administrator; of PATCH the body is a merge patch.
func (k *Kubernetes) Do(ctx context.Context, method, path string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, k.URL()+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+kubeToken)
	req.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		req.Header.Set("Content-Type", "application/merge-patch+json")
	}
	resp, err := k.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s answers %s: %s", method, path, resp.Status, answer)
	}
	return answer, err
}

// Compact has etcd forget all versions but the newest.
func (k *Kubernetes) Compact(ctx context.Context) error {
	post := func(path string, body, answer any) error {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(
			ctx, http.MethodPost, k.etcd+path, bytes.NewReader(text),
		)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("etcd: %s answers %s", path, resp.Status)
		}
		return json.NewDecoder(resp.Body).Decode(answer)
	}
	var status struct {
		Header struct {
			Revision string `json:"revision"`
		} `json:"header"`
	}
	if err := post("/v3/maintenance/status", struct{}{}, &status); err != nil {
		return err
	}
	revision := map[string]string{"revision": status.Header.Revision}
	return post("/v3/kv/compaction", revision, &struct{}{})
}

// Stop kills the API server with SIGKILL.
func (k *Kubernetes) Stop() error { k.server.kill(); return nil }

// Close ends both for good.
func (k *Kubernetes) Close() {
	if k.server != nil {
		k.server.kill()
	}
	k.store.kill()
}
