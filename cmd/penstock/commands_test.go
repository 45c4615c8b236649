package main

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/penstock/penstock/agent/state"
)

// The commands ask over a unix socket as over TCP, with the token of the environment, and their
// exit codes are those of the help.
func TestCommandsAskTheAgent(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization"))
		if r.URL.Query().Get("output") == "none" {
			http.Error(w, "no such output", http.StatusNotFound)
			return
		}
		fmt.Fprintln(w, "done")
	})}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	t.Setenv(adminTokenVar, "s3cret")
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"pause kafka.events", 0, "POST /api/pause?output=kafka.events Bearer s3cret"},
		{"pause none", exitFailure, "POST /api/pause?output=none Bearer s3cret"},
		{"resume output.s3.lake", 0, "POST /api/resume?output=output.s3.lake Bearer s3cret"},
		{"flush", 0, "POST /api/flush?timeout=1m0s Bearer s3cret"},
		{"flush --timeout 0", 0, "POST /api/flush Bearer s3cret"},
		{"drain --timeout 30s", 0, "POST /api/drain?timeout=30s Bearer s3cret"},
		{"tap p -n 3 --tag a.*", 0, "GET /tap?n=3&of=p&rate=20&tag=a.%2A Bearer s3cret"},
		{"pause", exitConfig, ""},
		{"drain --timeout 0s", exitConfig, ""},
		{"flush --timeout -1s", exitConfig, ""},
	} {
		asked = nil
		var out, errs strings.Builder
		code := run(append(strings.Fields(c.args), "--admin", "unix://"+socket), &out, &errs)
		if code != c.code || strings.Join(asked, "\n") != c.want {
			t.Errorf("%s: %d %q, want %d %q\n%s", c.args, code, asked, c.code, c.want, errs.String())
		}
		if code == 0 && out.String() != "done\n" {
			t.Errorf("%s prints %q", c.args, out.String())
		}
	}
}

func TestTopFitsInto80Columns(t *testing.T) {
	s := status(1234567, 5, state.Warning, state.Problem{
		Component: "output.kafka.events", Kind: state.StandingBy, Level: state.Warning,
		Text: "does not answer " + strings.Repeat("for a long time ", 10) + "\x1b[31m",
	})
	s.Pipelines[0].Name = strings.Repeat("long", 30)
	code, out := asked(t, s, "top", "--once")
	if code != 0 {
		t.Fatal(code, out)
	}
	for line := range strings.Lines(out) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, want := range []string{
		"web-1", "All safe.", "! output.kafka.events does not answer", "standing by", "?[31m",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Error("escape sequences of others, or with --once")
	}
}
