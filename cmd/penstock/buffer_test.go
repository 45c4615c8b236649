package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record"
)

// bufferDir makes a closed buffer of 100 records, one of them binary, with two cursors.
func bufferDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "buffer", "app-logs")
	b, err := buffer.Open(dir, buffer.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"output.kafka.events", "output.s3.old"} {
		c, err := b.Cursor(name)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	var bb record.Builder
	bb.Reset("app.web", "/var/log/web.log", 0)
	for i := range 99 {
		bb.Append(
			1_760_000_000_000_000_000, []byte("k"), fmt.Appendf(nil, `{"n":%d,"html":"<b>"}`, i),
			[]record.Header{{Key: "file", Value: []byte("web.log")}},
		)
	}
	bb.Append(1_760_000_000_000_000_000, nil, []byte{0xff, 0, 1}, nil)
	done := make(chan error, 1)
	if err := b.Append(
		t.Context(), "input.tail.app", bb.Build(),
		[]record.Position{{Key: "f", Value: []byte("1")}}, func(err error) { done <- err },
	); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func runBuffer(args ...string) (stdout, stderr string, err error) {
	cmd := bufferCommand()
	var out, errs bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	cmd.SilenceUsage = true
	cmd.SilenceErrors = true
	err = cmd.Execute()
	return out.String(), errs.String(), err
}

func TestBufferCommand(t *testing.T) {
	dir := bufferDir(t)
	out, _, err := runBuffer("ls", dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"00000000000000000000", "sealed", "output.kafka.events", "output.s3.old", "input.tail.app", "100"} {
		if !strings.Contains(out, want) {
			t.Errorf("ls does not say %q:\n%s", want, out)
		}
	}

	out, _, err = runBuffer("peek", "--dir", dir, "-n", "2", "--from", "98")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `{"n":98,"html":"<b>"}`) ||
		!strings.Contains(lines[0], `file="web.log"`) ||
		!strings.Contains(lines[1], `"\xff\x00\x01"`) {
		t.Errorf("peek:\n%s", out)
	}

	file := filepath.Join(t.TempDir(), "out.ndjson")
	if _, _, err := runBuffer("export", dir, "-o", file, "--from", "1"); err != nil {
		t.Fatal(err)
	}
	p, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines = strings.Split(strings.TrimSpace(string(p)), "\n")
	if len(lines) != 99 {
		t.Fatalf("%d records exported", len(lines))
	}
	var first, last struct {
		Position    int
		Tag, Origin string
		Key, Value  *string
		ValueBase64 string `json:"value_base64"`
		Headers     []struct{ Name, Value string }
	}
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil {
		t.Fatal(err)
	}
	if first.Position != 1 || first.Tag != "app.web" || first.Origin != "/var/log/web.log" ||
		*first.Key != "k" ||
		*first.Value != `{"n":1,"html":"<b>"}` ||
		first.Headers[0].Value != "web.log" {
		t.Errorf("first record %s", lines[0])
	}
	if err := json.Unmarshal([]byte(lines[98]), &last); err != nil {
		t.Fatal(err)
	}
	if raw, _ := base64.StdEncoding.DecodeString(
		last.ValueBase64,
	); last.Key != nil || last.Value != nil ||
		string(raw) != "\xff\x00\x01" {
		t.Errorf("last record %s", lines[98])
	}

	if out, _, err := runBuffer("verify", dir); err != nil ||
		!strings.Contains(out, "100 records are good") {
		t.Errorf("verify: %v\n%s", err, out)
	}
	b, err := buffer.Open(dir, buffer.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.Cursor("output.kafka.events")
	if err != nil {
		t.Fatal(err)
	}
	pos, _ := c.Committed()
	note := `overflow:{"objects":true,"base":"overflow/web-1/","to":"output.s3.before"}`
	if err := errors.Join(c.Commit(t.Context(), pos, note), b.Close()); err != nil {
		t.Fatal(err)
	}
	out, _, err = runBuffer("forget", "--overflow", dir, "output.kafka.events")
	if err != nil || out != "forgotten: overflow/web-1/ of output.s3.before\n" {
		t.Errorf("%v %q", err, out)
	}
	out, _, _ = runBuffer("ls", dir)
	if strings.Contains(out, "output.s3.before") || !strings.Contains(out, "output.kafka.events") {
		t.Errorf("after its overflow was forgotten:\n%s", out)
	}
	if _, _, err := runBuffer("forget", "--overflow", dir, "output.none"); err == nil {
		t.Error("forgot the overflow of a cursor that is not there")
	}
	if _, _, err := runBuffer("forget", dir, "output.s3.old"); err != nil {
		t.Fatal(err)
	}
	if out, _, _ := runBuffer("ls", dir); strings.Contains(out, "output.s3.old") {
		t.Errorf("after forget:\n%s", out)
	}
	if _, _, err := runBuffer("forget", dir, "output.s3.old"); err == nil {
		t.Error("forgot a cursor that is not there")
	}
}

func TestBufferVerifyFails(t *testing.T) {
	dir := bufferDir(t)
	path := filepath.Join(dir, "00000000000000000000", "000001.vlog")
	p, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p[len(p)-40] ^= 1
	if err := os.WriteFile(path, p, 0o640); err != nil {
		t.Fatal(err)
	}
	_, stderr, err := runBuffer("verify", dir)
	if err == nil || !strings.Contains(err.Error(), "100 records cannot be read") ||
		!strings.Contains(stderr, "damaged: 00000000000000000000") {
		t.Errorf("verify: %v\n%s", err, stderr)
	}
}

func TestBufferCommandMistakes(t *testing.T) {
	dir := bufferDir(t)
	for _, args := range [][]string{
		{"ls"}, {"ls", filepath.Dir(dir)}, {"ls", filepath.Join(dir, "none")}, {"peek", "--dir", dir, "extra"}, {"forget", dir},
		{"forget", t.TempDir(), "x"},
	} {
		if _, _, err := runBuffer(args...); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
	if _, _, err := runBuffer("ls", filepath.Dir(dir)); !strings.Contains(err.Error(), dir) {
		t.Errorf("the directory above does not name the buffer: %v", err)
	}
	b, err := buffer.Open(dir, buffer.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, _, err := runBuffer("ls", dir); err == nil ||
		!strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("while it is open: %v", err)
	}
}
