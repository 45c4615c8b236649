package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/deadletter"
	"github.com/penstock/penstock/outputs/recordline"
)

// replayConfig has an output that works, and a store.
func replayConfig(t *testing.T) (config, dir string) {
	t.Helper()
	dir = t.TempDir()
	config = filepath.Join(dir, "c.hcl")
	text := fmt.Sprintf(`
agent {
  name     = "web-1"
  data_dir = %q
}
output "file" "sink" {
  path = %q
}
output "local" "overflow" {
  directory = %q
}
input "tail" "app" {
  paths = [%q]
}
pipeline "p" {
  from = [input.tail.app]
  to   = [output.file.sink, output.local.overflow]
}
`, filepath.Join(dir, "data"), filepath.Join(dir, "sink.log"), filepath.Join(dir, "store"), filepath.Join(dir, "app.log"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config, dir
}

func TestReplayCommand(t *testing.T) {
	config, dir := replayConfig(t)
	b := record.FromRecords(
		"app", "/f", []record.Record{{Value: []byte("one")}, {Value: []byte("two")}},
	)
	var object []byte
	recs, err := b.Records()
	if err != nil {
		t.Fatal(err)
	}
	for r := range recs {
		object = recordline.AppendRecord(object, b, r)
	}
	base := filepath.Join(dir, "store", "overflow", "lost-1", "output.file.sink", "log=p")
	if err := os.MkdirAll(base, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(
		filepath.Join(base, "00000000000000000000-1.ndjson.zst"), object, 0o600,
	); err != nil {
		t.Fatal(err)
	}
	dead := deadletter.NewDir(filepath.Join(dir, "data", "dead-letter", "output.file.sink"))
	if err := dead.Keep(
		t.Context(),
		outputs.DeadRecords(
			record.FromRecords("app", "/f", []record.Record{{Value: []byte("three")}}),
			"output.file.sink", "no", nil,
		),
	); err != nil {
		t.Fatal(err)
	}
	dead.Close()

	for _, step := range []struct {
		args string
		code int
		want string // in what it prints
		sink string
	}{
		{"--output output.file.sink --from output.local.overflow --agent lost-1 --dry-run", exitOK, "1 objects or files wait", ""},
		{"--output output.file.sink --from output.local.overflow --agent nobody", exitOK, "replayed 0 records", ""},
		{"--output output.file.sink --from output.local.overflow --agent lost-1", exitOK, "replayed 2 records of 1 objects", "one\ntwo\n"},
		{"--output output.file.sink --from output.local.overflow --agent lost-1", exitOK, "replayed 0 records", "one\ntwo\n"},
		{"--output output.file.sink --dead-letter --keep", exitOK, "replayed 1 records of 1 objects", "one\ntwo\nthree\n"},
		{"--output output.file.sink --dead-letter", exitOK, "replayed 0 records", "one\ntwo\nthree\n"},
		{"--output output.file.none --dead-letter", exitConfig, "there is no output.file.none", "one\ntwo\nthree\n"},
		{"--output output.local.overflow --dead-letter", exitConfig, "name a streaming output", "one\ntwo\nthree\n"},
		{"--output output.file.sink --from output.file.sink --agent x", exitConfig, "is no object store", "one\ntwo\nthree\n"},
		{"--output output.file.sink --from output.local.overflow", exitConfig, "--agent", "one\ntwo\nthree\n"},
		{"--output output.file.sink", exitConfig, "what is to be replayed?", "one\ntwo\nthree\n"},
	} {
		var out, errs bytes.Buffer
		code := run(
			append([]string{"replay", "--config", config}, strings.Fields(step.args)...), &out,
			&errs,
		)
		if code != step.code || !strings.Contains(out.String()+errs.String(), step.want) {
			t.Fatalf(
				"%s: exit code %d, want %d and %q; printed\n%s%s", step.args, code, step.code,
				step.want, &out, &errs,
			)
		}
		if p, _ := os.ReadFile(filepath.Join(dir, "sink.log")); string(p) != step.sink {
			t.Fatalf("%s: the sink has %q, want %q", step.args, p, step.sink)
		}
	}
	if kept, _ := filepath.Glob(
		filepath.Join(dir, "data", "dead-letter", "output.file.sink", "replayed", "*"),
	); len(
		kept,
	) != 1 {
		t.Fatalf("kept: %v", kept)
	}
}
