package agent

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record/preflight"
)

// preflightOf looks at a configuration in which DIR, TAKEN and SILENT stand for themselves: a port
// on which somebody listens and one on which nobody answers.
func preflightOf(t *testing.T, timeout time.Duration, text string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	dir := t.TempDir()
	text = strings.NewReplacer(
		"DIR", dir, "TAKEN", ln.Addr().String(), "SILENT", ln.Addr().String(),
	).Replace(text)
	file := filepath.Join(dir, "penstock.hcl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, report := config.Load([]string{file}, Components().Config(), config.Options{})
	if report.Errors() > 0 {
		t.Fatal(report.Error())
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	var out strings.Builder
	for _, f := range Preflight(ctx, cfg, false) {
		fmt.Fprintf(&out, "%s %s %s: %s -> %s\n", f.Level, f.Component, f.Target, f.Text, f.Do)
	}
	return strings.NewReplacer(dir, "DIR", ln.Addr().String(), "PORT").Replace(out.String())
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	got := preflightOf(t, 10*time.Second, `
agent {
  data_dir = "DIR/data"
  admin { listen = "" }
}
input "tail" "app" { paths = ["DIR/*.hcl", "DIR/none/*.log"] }
input "tcp" "taken" { listen = "TAKEN" }
input "tcp" "free" { listen = "127.0.0.1:0" }
input "tcp" "unused" { listen = "TAKEN" }
output "local" "lake" { directory = "DIR/lake" }
output "file" "under" { path = "DIR/penstock.hcl/out.log" }
output "stdout" "out" {}
pipeline "p" {
  from = [input.tail.app, input.tcp.taken, input.tcp.free]
  to   = [output.local.lake, output.file.under, output.stdout.out]
}
`)
	for _, want := range []string{
		"ok agent DIR/data: may be made in DIR",
		"ok input.tail.app DIR/*.hcl: 1 file, which may be read",
		"warning input.tail.app DIR/none/*.log: no file matches",
		"failed input.tcp.taken tcp://PORT: is taken: ",
		"ok input.tcp.free tcp://127.0.0.1:0: is free",
		"ok output.local.lake DIR/lake: may be made in DIR",
		"failed output.file.under DIR/penstock.hcl: DIR/penstock.hcl is not a directory",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("not told: %s\n%s", want, got)
		}
	}
	if strings.Contains(got, "unused") {
		t.Errorf("it looks at what no pipeline reaches:\n%s", got)
	}
}

// What takes the counts of the audit need not be in a pipeline.
func TestPreflightOfTheAudit(t *testing.T) {
	t.Parallel()
	const rest = `
input "stdin" "in" {}
output "stdout" "out" {}
output "local" "counts" { directory = "DIR/counts" }
output "kafka" "k" {
  brokers = ["127.0.0.1:1"]
  topic   = "x"
}
pipeline "p" {
  from = [input.stdin.in]
  to   = [output.stdout.out]
}
`
	for audit, want := range map[string]string{
		"to = output.local.counts":               "ok output.local.counts DIR/counts: may be made in DIR",
		"to = output.kafka.k\ntopic = \"audit\"": "failed agent.audit broker 127.0.0.1:1: ",
	} {
		got := preflightOf(t, 10*time.Second, `
agent {
  data_dir = "DIR/data"
  admin { listen = "" }
  audit {
    `+audit+`
  }
}
`+rest)
		if !strings.Contains(got, want) {
			t.Errorf("not told: %s\n%s", want, got)
		}
	}
}

// Who connects and gets no answer is done when the time is over, and the others are told.
func TestPreflightEndsInTime(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	got := preflightOf(t, 300*time.Millisecond, `
agent {
  data_dir = "DIR/data"
  admin { listen = "" }
}
input "stdin" "in" {}
output "kafka" "k" {
  brokers = ["SILENT"]
  topic   = "x"
  failover { to = output.s3.o }
}
output "s3" "o" {
  bucket            = "b"
  endpoint          = "http://SILENT"
  access_key_id     = "k"
  secret_access_key = "abcdefgh"
}
output "forward" "f" {
  server "a" { address = "SILENT" }
  shared_key = "abcdefgh"
}
output "http" "h" { url = "http://SILENT/x" }
pipeline "p" {
  from = [input.stdin.in]
  to   = [output.kafka.k, output.forward.f, output.http.h]
}
`)
	if took := time.Since(begun); took > 5*time.Second+overrun { // silent ones are given up
		t.Errorf("it took %v", took)
	}
	for _, want := range []string{"kafka.k", "s3.o", "forward.f", "http.h"} {
		if !strings.Contains(got, "failed output."+want) {
			t.Errorf("output.%s is not told to have failed:\n%s", want, got)
		}
	}
	if !strings.Contains(got, "ok agent DIR/data") || strings.Contains(got, "no answer in time") {
		t.Errorf("got\n%s", got)
	}
}

// Ports that the running agent itself has taken are no failure; those of another one are.
func TestPreflightBesideARunningAgent(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"agent":"edge-1","version":"dev"}`)
	}))
	defer srv.Close()
	addr := srv.Listener.Addr().String()
	for name, want := range map[string]string{
		"edge-1": "ok agent tcp://" + addr + ": is taken, as the agent is running",
		"edge-2": "failed agent tcp://" + addr + ": is taken: ",
	} {
		got := preflightOf(t, 10*time.Second, `
agent {
  name     = "`+name+`"
  data_dir = "DIR/data"
  admin { listen = "`+addr+`" }
}
input "stdin" "in" {}
output "stdout" "out" {}
pipeline "p" {
  from = [input.stdin.in]
  to   = [output.stdout.out]
}
`)
		if !strings.Contains(got, want) {
			t.Errorf("not told: %s\n%s", want, got)
		}
	}
}

// Servers are asked with the credentials that records would go with, and given nothing.
func TestPreflightOfServers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var methods []string
	status := func(code int) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			methods = append(methods, r.Method)
			if _, password, _ := r.BasicAuth(); password != "right" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			w.WriteHeader(code)
		}))
	}
	fine, busy, only := status(200), status(503), status(405)
	defer fine.Close()
	defer busy.Close()
	defer only.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer secure.Close()
	got := preflightOf(t, 10*time.Second, `
agent {
  data_dir = "DIR/data"
  admin { listen = "" }
}
input "stdin" "in" {}
output "http" "only" {
  url      = "`+only.URL+`"
  user     = "me"
  password = "right"
}
output "http" "wrong" {
  url      = "`+fine.URL+`"
  user     = "me"
  password = "wrong"
}
output "http" "secure" { url = "`+secure.URL+`" }
output "elasticsearch" "es" {
  urls     = ["`+fine.URL+`", "`+busy.URL+`"]
  index    = "logs"
  user     = "me"
  password = "right"
}
pipeline "p" {
  from = [input.stdin.in]
  to   = [output.http.only, output.http.wrong, output.http.secure, output.elasticsearch.es]
}
`)
	for _, want := range []string{
		"ok output.http.only " + only.URL + ": answers, with 405 to HEAD",
		"failed output.http.wrong " + fine.URL + ": answered 401",
		"failed output.http.secure " + secure.URL + ": tls: failed to verify certificate: x509: " +
			"certificate signed by unknown authority -> name the authority",
		"ok output.elasticsearch.es " + fine.URL + ": answers",
		"warning output.elasticsearch.es " + busy.URL + ": answered 503",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("not told: %s\n%s", want, got)
		}
	}
	for _, m := range methods {
		if m != http.MethodGet && m != http.MethodHead {
			t.Errorf("it made a request %s", m)
		}
	}
}

// A file system that is large enough may have no room now.
func TestPreflightTellsThatABufferHasNoRoom(t *testing.T) {
	cfg := &config.Config{}
	cfg.Agent.DataDir = filepath.Join(t.TempDir(), "data")
	for name, free := range map[string]int64{"full": 1 << 62, "roomy": 0} {
		cfg.Pipelines = append(
			cfg.Pipelines, &config.Pipeline{Name: name, Buffer: &buffer.Config{MinFree: free}},
		)
	}
	var r preflight.Report
	(&preflights{cfg: cfg}).room(&r)
	found := r.Findings()
	if len(found) != 1 || found[0].Level != preflight.Warning ||
		!strings.Contains(found[0].Text, "pipeline.full leaves") {
		t.Errorf("%+v", found)
	}
}
