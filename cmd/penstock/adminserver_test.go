package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/network/certtest"
	"github.com/penstock/penstock/network/tlsconf"
)

// adminOverTLS is an agent's admin server as commands see it, with the configuration that it has.
func adminOverTLS(t *testing.T, s tlsconf.Server, token string) (addr, cfg string) {
	t.Helper()
	s.SetDefaults()
	conf, err := tlsconf.NewServer(s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known := token != "" && r.Header.Get("Authorization") == "Bearer "+token
		if len(r.TLS.VerifiedChains) == 0 && !known {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if err := json.NewEncoder(w).Encode(admin.Status{Agent: "web-1", Sentence: "All safe."}); err != nil {
			t.Error(err)
		}
	}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.Listener = tls.NewListener(srv.Listener, conf)
	srv.Start()
	t.Cleanup(srv.Close)
	addr = srv.Listener.Addr().String()
	text := fmt.Sprintf(`
agent {
  data_dir = %q
  admin {
    listen = %q
    token  = %q
    tls {
      cert_file = %q
      key_file  = %q
    }
  }
}
input "tail" "app" { paths = ["/nowhere/*.log"] }
output "stdout" "out" {}
pipeline "app" {
  from = [input.tail.app]
  to   = [output.stdout.out]
}
`, t.TempDir(), addr, token, s.CertFile, s.KeyFile)
	cfg = filepath.Join(t.TempDir(), "penstock.hcl")
	if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return addr, cfg
}

// TestCommandsAskAnAgentOverTLS is not parallel: it changes the environment.
func TestCommandsAskAnAgentOverTLS(t *testing.T) {
	ca, strangers := certtest.New(t), certtest.New(t)
	var s tlsconf.Server
	s.CertFile, s.KeyFile = ca.Issue("web-1.example.org")
	s.ClientCAFile = ca.File
	addr, cfg := adminOverTLS(t, s, "open-sesame")
	cert, key := ca.Issue("operator")
	otherCert, otherKey := strangers.Issue("operator")
	for _, test := range []struct {
		name, admin string
		env         []string
		want        string // in the error; "" for none
	}{
		{"client certificate", "https://" + addr, []string{adminCAVar, ca.File, adminCertVar, cert, adminKeyVar, key}, ""},
		{"token", "https://" + addr, []string{adminCAVar, ca.File, adminTokenVar, "open-sesame"}, ""},
		{"the agent's configuration", cfg, nil, ""},
		{"its directory", filepath.Dir(cfg), nil, ""},
		{"configuration and certificate", cfg, []string{adminTokenVar, "wrong", adminCertVar, cert, adminKeyVar, key}, ""},
		{"address of the environment", "", []string{adminVar, cfg}, ""},
		{"no token", "https://" + addr, []string{adminCAVar, ca.File}, "who are you?"},
		{"wrong token", cfg, []string{adminTokenVar, "wrong"}, "who are you?"},
		{"no authority", "https://" + addr, nil, "$" + adminCAVar},
		{"another authority", cfg, []string{adminCAVar, strangers.File}, "$" + adminCAVar},
		{
			"another's certificate", "https://" + addr,
			[]string{adminCAVar, ca.File, adminCertVar, otherCert, adminKeyVar, otherKey},
			"$" + adminCertVar,
		},
		{"no key", "https://" + addr, []string{adminCAVar, ca.File, adminCertVar, cert}, "go together"},
		{"no file", "https://" + addr, []string{adminCAVar, "/nowhere.pem"}, "/nowhere.pem"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, name := range []string{adminVar, adminTokenVar, adminCAVar, adminCertVar, adminKeyVar} {
				t.Setenv(name, "")
			}
			for i := 0; i < len(test.env); i += 2 {
				t.Setenv(test.env[i], test.env[i+1])
			}
			var out strings.Builder
			args := []string{"status"}
			if test.admin != "" {
				args = append(args, "--admin", test.admin)
			}
			code := run(args, &out, io.MultiWriter(&out))
			if test.want == "" && (code != 0 || !strings.Contains(out.String(), "All safe.")) {
				t.Errorf("exit code %d: %s", code, out.String())
			}
			if test.want != "" && (code == 0 || !strings.Contains(out.String(), test.want)) {
				t.Errorf("exit code %d, want an error with %q: %s", code, test.want, out.String())
			}
		})
	}
}
