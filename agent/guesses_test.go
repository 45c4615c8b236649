package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/config"
)

// What people write who come from another tool is answered with what to write instead.
func TestGuessesOfPeopleLeadToWhatToWrite(t *testing.T) {
	t.Parallel()
	const kafka = "brokers = [\"k\"]\ntopic = \"t\"\n"
	for _, g := range []struct{ at, body, told string }{
		{"input.tail", `format = "nginx"`, `filter "parse" "app" { format = "nginx" }`},
		{"input.tail", `parser = "apache2"`, `{ format = "apache_combined" }`},
		{"input.tail", `format = "/^(?<a>.*)$/"`, `format  = "regex"`},
		{"input.tail", "parse {\n  type = \"nginx\"\n}", `{ format = "nginx" }`},
		{"input.tail", `parser = "cri"`, `container = true`},
		{"input.tail", `format = "json"`, `{ format = "json" }`},
		{"input.tail", "multiline {\n  pattern = \"^a\"\n  negate = true\n}", "continue for lines"},
		{"input.file", ``, `input "tail"`},
		{"input.kubernetes_logs", ``, `container = true`},
		{"input.beats", ``, `let Filebeat write to Kafka`},
		{"input.syslog", `listen = "0.0.0.0:514"`, `listen = ["udp://0.0.0.0:514"`},
		{"input.http", "auth {\n  token = \"x\"\n}", `tokens = [env("HTTP_TOKEN")]`},
		{"input.http", `auth.token = "x"`, `auth { tokens = [env("HTTP_TOKEN")] }`},
		{"output.kafka", kafka + `acks = "all"`, `always`},
		{"output.kafka", `bootstrap_servers = "a:1,b:2"`, `Did you mean brokers = ["a:1", "b:2"]?`},
		{"output.kafka", `hosts = ["a:1", "b:2"]`, `Did you mean brokers = ["a:1", "b:2"]?`},
		{"output.kafka", `default_topic = "web"`, `Did you mean topic = "web"?`},
		{"output.kafka", `topic_key = "app"`, `Did you mean topic = "${field.topic}"?`},
		{"output.kafka", `partition_key = "u"`, `Did you mean partitioner = "hash"?`},
		{"output.s3", "bucket = \"b\"\nroll {\n  every = \"15m\"\n}", `Did you mean age = "15m"?`},
		{"input.syslog", `listen = "10.0.0.1:601"`, `listen = ["udp://10.0.0.1:601", "tcp://10.0.0.1:601"]`},
		{"output.kafka", kafka + "sasl {\n  user = \"ada\"\n}", `Did you mean username = "ada"?`},
		{"output.kafka", kafka + `exactly_once = true`, `delivery = "exactly_once"`},
		{"output.kafka", "brokers = \"a:9092, b:9092\"\ntopic = \"t\"", `["a:9092", "b:9092"]`},
		{"output.kafka", "brokers = [\"k\"]\ntopic = \"{{ app }}\"", `topic = "${field.app}"`},
		{"output.kafka", "brokers = [\"k\"]\ntopic = \"$TOPIC\"", `topic = env("TOPIC")`},
		{"output.kafka", "brokers = [\"k\"]\ntopic = \"%{[log_topic]}\"", `${field.NAME}`},
		{"output.kafka", "brokers = [\"${KAFKA}\"]\ntopic = \"t\"", `env("KAFKA")`},
		{"output.kafka", "brokers = [ENV[\"K\"]]\ntopic = \"t\"", `env("K")`},
		{"output.kafka", kafka + "sasl {\n  enabled = true\n}", `turns SASL on`},
		{"output.kafka2", kafka, `output "kafka"`},
		{"output.console", ``, `output "stdout"`},
		{"output.aws_s3", "bucket = \"b\"", `output "s3"`},
		{"input.filestream", ``, `input "tail"`},
		{"output.loki", ``, `There is none`},
		{"output.s3", "bucket = \"b\"\naccess_key = \"x\"", `access_key_id`},
		{"output.s3", "bucket = \"b\"\nroll {\n  every = \"1h\"\n}", `age = "1h"`},
		{"output.s3", "bucket = \"b\"\nformat = \"parquet\"", `format "parquet" {}`},
		{
			"output.s3", "bucket = \"b\"\npath = \"dt=%Y-%m-%d/${tag}\"",
			`path = "dt=${strftime("%Y-%m-%d")}/${tag}"`,
		},
		{"output.s3", "bucket = \"b\"\nprefix = \"logs/%Y\"", `is the same for all records`},
		{"filter.grok", ``, `filter "parse"`},
		{"filter.remap", ``, `filter "set"`},
		{"filter.lua", ``, `filter "wasm"`},
		{"filter.parse", "format = \"grok\"\npattern = \"%{IP:client}\"", `written %%{`},
		{"filter.where", `condition = ".status == 200"`, `write field.status`},
		{"filter.where", `condition = "$level == 'a'"`, `write field.level`},
		{"filter.where", `condition = "[level] == 'a'"`, `write field.level`},
		{"filter.where", `condition = "field.a = 200"`, `write ==`},
		{"filter.where", `condition = "field.a =~ '^x'"`, `write matches`},
		{"output.kafka", "brokers = [\"k\"]\ntopic = app-logs", `Write text in quotes: "app-logs".`},
		{"output.kafka", "brokers = [\"k\"]\ntopic = app.logs", `Write text in quotes: "app.logs".`},
		{"output.kafka", "brokers = [\"k\"]\ntopic = TOPIC", `is env("TOPIC")`},
		{"output.s3", "bucket = my.bucket", `Write text in quotes: "my.bucket".`},
		{"output.s3", "bucket = \"b\"\nprefix = logs/app", `Write "logs/app".`},
		{"output.s3", "bucket = \"b\"\npath = logs/app", `Write "logs/app".`},
		{"filter.set", `fields = { env = prod }`, `A text has quotes of its own: "'prod'". A field is "field.prod".`},
		{"filter.set", `fields = { env = eu-west }`, `A text has quotes of its own: "'eu-west'".`},
		{"filter.set", `fields = { at = time.Year }`, `as text: "time.Year"`},
		{"filter.where", `condition = "level == 'a'"`, `write field.level for level`},
		{"filter.drop", `if = "level == 'a'"`, `For example: if = "field.level == 'error'"`},
		{"filter.where", `condition = "field.ä == 'ä' and level"`, `write field.level for level`},
		{"filter.where", `condition = "field.level == a"`, `a text has quotes of its own: 'a'`},
		{"filter.where", `condition = "record['a'] == 1"`, `write field['a'] for record['a']`},
		{"filter.where", `condition = "log.level == 'a'"`, `write field.level for log.level`},
		{
			"filter.where", `condition = "field.k8s.app-name-x == 'a'"`,
			`write field.k8s['app-name-x'] for field.k8s.app-name-x`,
		},
		{"filter.where", `condition = "contains(field.a, 'b')"`, `write field.a contains 'b'`},
		{"filter.where", `condition = "starts_with(field.a, 'b')"`, `write field.a startsWith 'b'`},
		{"filter.where", `condition = "exists(field.a)"`, `write field.a != nil`},
		{"filter.where", `condition = "downcase(field.a) == 'b'"`, `write lower(field.a)`},
		{"filter.where", `condition = "grok(field.a)"`, `there is no such function`},
		{"filter.where", `condition = "event.get('a') == 'b'"`, `there is no such function`},
		{"filter.where", `condition = "field.a != null"`, `write nil for null`},
		{"filter.where", `condition = "field.a AND field.b"`, `write and for AND`},
		{"filter.where", `condition = "NOT field.a"`, `write not for NOT`},
		{"filter.where", `condition = "field.a eq 'b'"`, `write == for eq`},
		{"filter.grep", `include = ["^(?!a)"]`, `exclude of filter "grep"`},
		{"filter.where", `condition = "field.a matches '(?<!a)b'"`, `[^x] if it is one character`},
		{"filter.replace", `pattern = "(?<=a)b"`, `into a group`},
		{"filter.parse", "format = \"regex\"\npattern = \"(?P<q>.)x\\\\1\"", `(?:'[^']*'|`},
		{"filter.parse", "format = \"regex\"\npattern = \"(?>a)\"", `write (?: for (?>`},
		{"filter.parse", "format = \"regex\"\npattern = \"a++\"", `leave out the second +`},
		{"filter.parse", "format = \"regex\"\npattern = \"a\\\\Z\"", `Write \z`},
		{"filter.multiline", `start = "^\\h"`, `[ \t] for a space`},
		{"input.tail", `path_pattern = "(?=a)"`, `Match what stands`},
		{"filter.throttle", `threshold = 500`, `Did you mean limit = 500?`},
		{"output.s3", "bucket = \"b\"\nroll {\n  max_events = 5000\n}", `records = 5000`},
		{"filter.time", `time_key = "ts"`, `field = "ts"`},
		{"pipeline", `exactly_once = true`, `delivery = "exactly_once"`},
		{"top", "source \"tail\" \"a\" {}", `input "tail"`},
		{"top", "sinks \"a\" \"b\" {}", `output "kafka"`},
		{"top", "api {}", `admin { listen`},
		{"top", `data_dir = "/x"`, `agent { data_dir = "/x" }`},
		{"top", `log_level = "info"`, `log { level = "info" }`},
	} {
		kind, typ, named := strings.Cut(g.at, ".")
		text := g.body + "\n"
		switch {
		case named:
			text = fmt.Sprintf("%s %q \"x\" {\n%s\n}\n", kind, typ, g.body)
		case kind == "pipeline":
			text = fmt.Sprintf("pipeline \"x\" {\n%s\n}\n", g.body)
		}
		file := filepath.Join(t.TempDir(), "penstock.hcl")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, report := config.Load([]string{file}, Components().Config(), config.Options{})
		if got := report.Error(); !strings.Contains(got, g.told) {
			t.Errorf("%s with %s is not told %q:\n%s", g.at, g.body, g.told, got)
		}
	}
}

// A template of this tool's own, and a percent sign elsewhere, is nobody else's.
func TestOwnTemplatesAreNoForeignText(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "penstock.hcl")
	const text = `
output "s3" "a" {
  bucket = "b"
  path   = "${topic}/dt=${strftime("%Y-%m-%d")}/${default(field.app, "100%")}"
}
filter "add_fields" "b" { fields = { form = "%Y" } }
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, report := config.Load([]string{file}, Components().Config(), config.Options{})
	if got := report.Error(); strings.Contains(got, "another tool") {
		t.Error(got)
	}
}

// Only outputs that can have a failover are told to have one.
func TestWhatCannotFailOverIsNotToldTo(t *testing.T) {
	t.Parallel()
	const text = `
agent { data_dir = "/var/lib/penstock" }
input "tcp" "in" { listen = "127.0.0.1:1" }
output "local" "lake" { directory = "/tmp/lake" }
output "http" "web" { url = "http://127.0.0.1:1" }
pipeline "p" {
  from = [input.tcp.in]
  to   = [%s]
  buffer {
    when_full = "overflow"
  }
}
`
	for to, told := range map[string]string{
		"output.local.lake": `Write when_full = "block": output.local.lake can have no failover.`,
		"output.local.lake, output.http.web": "Add failover { to = output.TYPE.NAME } to " +
			"output.http.web, or",
	} {
		file := filepath.Join(t.TempDir(), "penstock.hcl")
		if err := os.WriteFile(file, fmt.Appendf(nil, text, to), 0o600); err != nil {
			t.Fatal(err)
		}
		_, report := config.Load([]string{file}, Components().Config(), config.Options{})
		if got := report.Error(); !strings.Contains(got, told) {
			t.Errorf("%s is not told %q:\n%s", to, told, got)
		}
	}
}
