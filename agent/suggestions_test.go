package agent

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/config"
)

// suggestion is what a hint says to write in the place of what is wrong.
var suggestion = regexp.MustCompile(
	`(?s)\n    (?:For example: |Write(?: it without the equals sign| a block)?:?[ \n]+|It belongs into a block: |` +
		`Declare it: |It is a block: did you mean |Did you mean )(.*?)` +
		`(?:\? It is an attribute\.|\?|, without [^\n]*|\n    (?:One|The)[^\n]*)?\n(?:penstock\.hcl|$)`,
)

// What is told to write can be pasted in the place of the mistake, and then it is none.
func TestSuggestionsCanBePasted(t *testing.T) {
	const rest = `
agent { data_dir = "/tmp/data" }
input "tail" "app" { paths = ["/var/log/app.log"] }
output "kafka" "k" {
  brokers = ["k:9092"]
  topic   = "t"
}
pipeline "p" {
  from = [input.tail.app]
  to   = [output.kafka.k]
`
	kafka := func(text string) string {
		return strings.Replace(rest, "topic   = \"t\"\n", "topic   = \"t\"\n  "+text+"\n", 1) + "}\n"
	}
	pipeline := func(text string) string { return rest + "  " + text + "\n}\n" }
	s3 := func(text string) string {
		return rest + "}\noutput \"s3\" \"o\" {\n  bucket = \"b\"\n  " + text + "\n}\n"
	}
	top := func(text string) string { return rest + "}\n" + text + "\n" }
	locals := func(text string) string { return top("locals {\n" + text + "\n}") }
	for _, c := range []struct {
		in    func(string) string
		wrong string
		apart bool // what is to be written stands elsewhere
	}{
		{s3, `roll = { age = "1h" }`, false},
		{s3, `roll = { age = "1h", size = "64MiB" }`, false},
		{s3, `roll = 5`, false},
		{s3, `idle = "10m"`, false},
		{s3, `roll.size = "1MiB"`, false},
		{s3, `format = "parquet"`, false},
		{s3, `prefx = "x"`, false},
		{s3, `rolls = { age = "5m" }`, false},
		{s3, `prefix { }`, false},
		{kafka, `sasl = { mechanism = "PLAIN", username = "me", password = env("P") }`, false},
		{kafka, `password = "x"`, false},
		{kafka, `sasl = { mechanism = "PLAIN", username = "me", password = "secret" }`, false},
		{kafka, `tls = { insecure_skip_verify = true }`, false},
		{kafka, `linger = 5`, false},
		{kafka, `compresion = "zstd"`, false},
		{pipeline, `filter "parse" "x" { format = "json" }`, false},
		{pipeline, `filter { }`, false},
		{pipeline, `buffer = { max_size = "1GiB" }`, false},
		{top, `input "tail" { paths = ["/x"] }`, false},
		{top, `output "kafka" { }`, false},
		{top, `filter "mine" { }`, false},
		{top, `locals { a = var.m }`, true},
		{top, `locals { a = local.d }`, true},
		{locals, `inner { }`, false},
	} {
		load := func(text string) string {
			dir := t.TempDir()
			t.Chdir(dir)
			file := filepath.Join(dir, "penstock.hcl")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, r := config.Load(
				[]string{"penstock.hcl"}, Components().Config(),
				config.Options{Env: func(string) (string, bool) { return "x", true }},
			)
			return r.Error()
		}
		told := load(c.in(c.wrong))
		m := suggestion.FindStringSubmatch(told + "\n")
		if m == nil {
			t.Errorf("%s: nothing to write is told in\n%s", c.wrong, told)
			continue
		}
		if strings.HasPrefix(m[1], `"`) { // the right name
			_, rest, _ := strings.Cut(c.wrong, " ")
			m[1] = strings.Trim(m[1], `"`) + " " + rest
		}
		right := strings.ReplaceAll(m[1], "\n    ", "\n")
		text := strings.Replace(c.in(c.wrong), c.wrong, right, 1)
		if c.apart {
			text = c.in(c.wrong) + right + "\n"
		}
		if got := load(text); strings.Contains(got, "error:") {
			t.Errorf("%s\nleads to\n%s\nand that to\n%s", told, right, got)
		}
	}
}
