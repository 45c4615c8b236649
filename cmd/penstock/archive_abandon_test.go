package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/outputs/local"
	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/protocol"
)

// An agent that archives what it reads itself has its intent in its buffer.
func TestArchiveAbandonOfABuffer(t *testing.T) {
	dir := bufferDir(t)
	lake := filepath.Join(t.TempDir(), "lake")
	config := filepath.Join(t.TempDir(), "c.hcl")
	text := fmt.Sprintf(`
agent {
  name = "web 1"
  data_dir = %q
}
input "tail" "app" { paths = ["/var/log/*.log"] }
output "local" "lake" { directory = %q }
output "local" "other" { directory = "/other" }
pipeline "app-logs" {
  from = [input.tail.app]
  to = [output.local.lake, output.local.other]
}`, filepath.Dir(filepath.Dir(dir)), lake)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const life = "0badcafe"
	begin := func() *buffer.Buffer {
		b, err := buffer.Open(dir, buffer.DefaultOptions())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"output.local.lake", "output.local.other"} {
			note := protocol.Note{Life: life, Intent: &protocol.Intent{
				Start: 0, End: 7, Config: "old", Files: 1, Records: 7, Digest: "x",
			}}
			if err := changeNote(t.Context(), b, name, func(string) (string, error) {
				return note.Encode(), nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		return b
	}
	sc := local.DefaultStore()
	sc.Directory = lake
	store, err := local.NewStore(sc)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	put := func(key, agent, life string, end int) {
		m := map[string]string{
			spool.MetaLog:  spool.BufferSlug(agent, "app-logs.local.lake"),
			spool.MetaLife: life, spool.MetaStart: "0", spool.MetaEnd: strconv.Itoa(end),
			spool.MetaRecords: "7",
		}
		if err := store.Put(
			t.Context(), key, strings.NewReader("x"), 1, spool.PutOptions{Metadata: m},
		); err != nil {
			t.Fatal(err)
		}
	}
	put("begun", "web 1", life, 7)
	put("ended", "web 1", life, 8)
	put("former", "web 1", "11111111", 7)
	put("another", "web 2", life, 7)

	b := begin()
	args := []string{"abandon", "-c", config, "--output", "output.local.lake"}
	if _, _, err := runArchive(args...); err == nil ||
		!strings.Contains(err.Error(), "stop the agent first") {
		t.Errorf("while the agent runs: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	const told = "output.local.lake: cut [0, 7) of 7 records\n  delete begun\n"
	if out, _, err := runArchive(args...); err != nil ||
		out != told+"nothing was changed: say --yes to do it\n" {
		t.Errorf("dry run: %v\n%s", err, out)
	}
	if _, _, err := runArchive(append(args, "--keep")...); err == nil {
		t.Error("--keep would have records there twice")
	}
	if out, _, err := runArchive(append(args, "--yes")...); err != nil || out != told {
		t.Errorf("%v\n%s", err, out)
	}
	for key, there := range map[string]bool{
		"begun": false, "ended": true, "former": true, "another": true,
	} {
		if _, err := os.Stat(filepath.Join(lake, key)); (err == nil) != there {
			t.Errorf("%s: %v", key, err)
		}
	}
	in, err := buffer.Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	notes := map[string]protocol.Note{}
	for _, c := range in.Cursors() {
		if notes[c.Name], _, err = protocol.ParseNote(c.Note); err != nil {
			t.Fatal(err)
		}
		if c.Pos != 0 {
			t.Errorf("%s is at %d", c.Name, c.Pos)
		}
	}
	if n := notes["output.local.lake"]; n.Intent != nil || n.Life != life {
		t.Errorf("%+v", n)
	}
	if notes["output.local.other"].Intent == nil {
		t.Error("another output's cut was given up too")
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if out, _, err := runArchive(append(args, "--yes")...); err != nil ||
		out != "there is no begun cut\n" {
		t.Errorf("again: %v\n%s", err, out)
	}
}
