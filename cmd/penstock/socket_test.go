package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dataformat"
	"github.com/penstock/penstock/buffer/record/tally"
	dto "github.com/prometheus/client_model/go"
)

// shown is an agent that shows a status.
type shown struct{ status admin.Status }

func (s shown) Gather() ([]*dto.MetricFamily, error) { return nil, nil }
func (s shown) Status() admin.Status                 { return s.status }
func (s shown) Configuration() admin.Configuration   { return admin.Configuration{} }
func (s shown) Ready() (bool, []string)              { return true, nil }
func (s shown) States() []state.PipelineState        { return nil }
func (s shown) Own() []state.Problem                 { return nil }
func (s shown) Tap(string) *admin.Tap                { return nil }
func (s shown) Condition(string) (func(*record.Batch) *record.Batch, error) {
	return nil, nil
}
func (s shown) Audit(time.Time) (r tally.Report) { return r }

// An agent whose address wants a token is asked through its socket, which is found by its
// configuration, by its data directory and by itself; where the socket is gone the address is
// asked.
func TestAnAgentIsFoundByItsSocket(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, socketName)
	srv, err := admin.Start(admin.Options{
		Listen: "127.0.0.1:0", Socket: socket, Token: "a long token",
	}, shown{admin.Status{Agent: "web-1", Sentence: "All safe."}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "penstock.hcl")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
agent {
  data_dir = %q
  admin { listen = %q }
}
input "tail" "app" { paths = ["/nowhere/*.log"] }
output "stdout" "out" {}
pipeline "app" {
  from = [input.tail.app]
  to   = [output.stdout.out]
}`, dir, srv.Addr()), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(to string) (int, string) {
		var out, errs bytes.Buffer
		code := run([]string{"status", "--admin", to}, &out, &errs)
		return code, out.String() + errs.String()
	}
	for _, to := range []string{file, dir, socket, "unix://" + socket} {
		if code, text := ask(to); code != 0 || !strings.Contains(text, "web-1: All safe.") {
			t.Errorf("%s: %d %s", to, code, text)
		}
	}
	// What the agent has in its environment alone, and mistakes elsewhere, do not matter.
	edited := filepath.Join(t.TempDir(), "penstock.hcl")
	if err := os.WriteFile(edited, fmt.Appendf(nil, `
agent {
  data_dir = %q
}
output "kafka" "out" {
  brokers = [env("PENSTOCK_TEST_NOT_SET")]
  topik   = "t"
}`, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, text := ask(edited); code != 0 || !strings.Contains(text, "web-1: All safe.") {
		t.Errorf("a file in the making: %d %s", code, text)
	}
	if err := os.WriteFile(edited, []byte("agent {\n  dataa_dir = 1\n}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, text := ask(edited); code != exitUnknown || !strings.Contains(text, "dataa_dir") {
		t.Errorf("a mistake in the agent block: %d %s", code, text)
	}
	lost := filepath.Join(dir, "no.hcl")
	if code, text := ask(lost); code != exitUnknown || !strings.Contains(text, lost+": no such file") {
		t.Errorf("a file that is not there: %d %s", code, text)
	}
	for _, to := range []string{srv.Addr(), file} {
		if code, text := ask(to); code != exitUnknown || !strings.Contains(text, "a token is needed") {
			t.Errorf("%s: %d %s", to, code, text)
		}
		if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, dataformat.Name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want := "no agent answers at unix://" + socket + ": dial unix " + socket + ": "
	if code, text := ask(dir); code != exitUnknown || !strings.Contains(text, want) {
		t.Errorf("the data directory of an agent that is stopped: %d %s", code, text)
	}
}
