package agent

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// What people write who know another tool is told once, with what to write instead.
func TestGuessesAreToldOnceWithWhatToWrite(t *testing.T) {
	t.Parallel()
	tail := "input \"tail\" \"app\" {\n  paths = [\"/x\"]\n  %s\n}\n"
	kafka := "output \"kafka\" \"events\" {\n  brokers = [\"k:9092\"]\n  topic = \"t\"\n  %s\n}\n"
	s3 := "output \"s3\" \"lake\" {\n  bucket = \"b\"\n  %s\n}\n"
	http := "output \"http\" \"api\" {\n  url = \"http://x\"\n  %s\n}\n"
	filter := "pipeline \"p\" {\n  from = [input.tail.app]\n  to = [output.kafka.events]\n  %s\n}\n"
	for _, c := range []struct{ in, text, want string }{
		{s3, `roll.every = "5m"`, `Write a block: roll { age = "5m" }`},
		{s3, `batch.timeout_secs = 300`, `Did you mean roll { age = "300s" }?`},
		{s3, `batch.max_bytes = 10000000`, `Did you mean roll { size = 10000000 }?`},
		{s3, `timekey = 3600`, `Did you mean roll { age = "3600s" }?`},
		{s3, `encoding.codec = "json"`, `Did you mean format "ndjson" {}?`},
		{s3, `request.concurrency = 3`, "There is no such setting: penstock help output.s3"},
		{s3, `format "json" {}`, `Did you mean "ndjson"?`},
		{kafka, `linger.ms = 5`, `Did you mean linger = "5ms"?`},
		{kafka, `retries = 3`, `Did you mean retry { max = "30s" }?`},
		{kafka, `ssl.verification_mode = "none"`, `Did you mean tls { ca_file = "/etc/ssl/kafka-ca.pem" }?`},
		{"%s", `input "http" "h" { port = 9880 }`, `listen = "0.0.0.0:9880"`},
		{"%s", `input "syslog" "s" { mode = "tcp" }`, `Did you mean listen = ["udp://0.0.0.0:514", "tcp://0.0.0.0:514"]?`},
		{"%s", `agent = { data_dir = "x" }`, `Write it without the equals sign: agent { data_dir = "x" }`},
		{filter, `filter "drop" { condition = "field.a == 1" }`, `Did you mean if = "field.a == 1"?`},
		{filter, "filter \"set\" {\n fields = { level = \"error\" }\n}", `a text has quotes of its own: "'error'"`},
		{http, `auth.token = "abc"`, `Did you mean token = env("TOKEN")?`},
		{kafka, `tls.enabled = true`, "Remove it: the block turns TLS on."},
		{kafka, `security_protocol = "SASL_SSL"`, "tls {}\n    sasl {"},
		{kafka, `dead_letter_topic = "dlq"`, "dead_letter { to = output.kafka.events }"},
		{kafka, `failover = "output.s3.x"`, "failover { to = output.s3.x }"},
		{kafka, `failover = output.s3.x`, "failover { to = output.s3.x }"},
		{kafka, `client_id = 'abc'`, "Use double quotes"},
		{kafka, `client_id = hostname`, "It is a function: hostname()"},
		{kafka, `client_id = env.HOST`, `is env("HOST"), in`},
		{tail, `multiline.pattern = "^[A-Z]"`, `multiline { start = "^[A-Z]" }`},
		{tail, `exclude_lines = ["^DBG"]`, `filter "grep" "errors" { exclude = ["^DBG"] }?`},
		{tail, `include_lines = ["^ERR"]`, `filter "grep" "errors" { include = ["^ERR"] }?`},
		{filter, `filter "parse" { type = "json" }`, `Did you mean format = "json"?`},
		{filter, "filter \"grep\" {\n regexp1 = \"a b\"\n}", "Did you mean include = ["},
		{filter, `filter "where" { if = "field.a == 'b'" }`, `Add condition = "field.a == 'b'"`},
		{filter, `filter "drop" { if = "field.a === 'b'" }`, "write == and !="},
		{"%s", "input \"tail\" \"app\" {\n  path = \"/x/*.log\"\n}", `Did you mean paths = ["/x/*.log"]?`},
		{"%s", `input "forward" "f" { listen = 24224 }`, `as in "0.0.0.0:24224"`},
		{"%s", "agent {\n  log_level = \"debug\"\n}", `Did you mean log { level = "debug" }?`},
		{"%s", "agent { data_dir = \"d\"\ninput \"stdin\" \"i\" {}", "Write its } on this line"},
		{"%s", "output \"local\" \"l\" {\n  directory = \"d\"\n  path = \"${tag/x\"\n}", "${ without its }"},

		{"%s", "<source>\n  @type tail\n</source>", "penstock convert fluentd "},
		{"%s", "[SERVICE]\n    Flush 1\n[INPUT]\n    Name tail", "penstock convert fluent-bit "},
		{"%s", "service:\n  flush: 1\npipeline:\n  inputs:\n    - name: tail", "convert fluent-bit "},
		{"%s", "data_dir = \"/x\"\n[sources.a]\ntype = \"file\"", "penstock convert vector "},
		{"%s", "sources:\n  a:\n    type: file", "penstock convert vector "},
		{"%s", "filebeat.inputs:\n- type: filestream", "penstock convert filebeat "},
		{"%s", "input {\n  file { path => \"/x\" }\n}", "penstock convert logstash "},
		{"%s", "server:\n  x: 1\nscrape_configs:\n  - a: b", "penstock convert promtail "},
		{"%s", "a1.sources = r1\na1.channels = c1", "penstock convert flume "},
		{"%s", "include=x.properties\nsecor.s3.bucket=b", "penstock convert secor "},
		{"%s", "module(load=\"imfile\")", "penstock convert rsyslog "},
		{"%s", `{"agent": {"data_dir": "d"}}`, "this looks like JSON"},
		{"%s", "# mine\nagent:\n  data_dir: d", "this looks like YAML"},
		{"%s", "[agent]\ndata_dir = \"d\"", "this looks like TOML"},
	} {
		got := validated(t, fmt.Sprintf(c.in, c.text))
		told := strings.Count(got, c.want)
		if found := aboutGuess(got); told != 1 || found != 1 {
			t.Errorf("%s\nis told %d times %q, with %d mistakes:\n%s", c.text, told, c.want, found, got)
		}
	}
	warned := validated(t, fmt.Sprintf(kafka, `client_id = "$HOSTNAME"`))
	if !strings.Contains(warned, `Write client_id = env("HOSTNAME").`) {
		t.Errorf("a variable of a shell is not told:\n%s", warned)
	}
	// What is the same for two of them is written once.
	twice := validated(t, fmt.Sprintf(kafka, "sasl_username = \"u\"\n  sasl_password = \"pw\""))
	if strings.Count(twice, "sasl {") != 1 || strings.Contains(twice, `"pw"`) {
		t.Errorf("got\n%s", twice)
	}
}

var wholeConfig = regexp.MustCompile(
	`there is no (?:pipeline|input\.|output\.)|secret is masked|nothing to do`,
)

// aboutGuess counts mistakes but for what a fragment lacks as a whole.
func aboutGuess(report string) int {
	n := 0
	for line := range strings.Lines(report) {
		if strings.Contains(line, "error: ") && !wholeConfig.MatchString(line) {
			n++
		}
	}
	return n
}
