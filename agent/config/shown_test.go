package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is shown of a file is what is written, without comments and whatever may be secret.
func TestFilesAreShownWithoutSecrets(t *testing.T) {
	const written = `
# the old password was hunter2

agent {
  data_dir = "DATA" // not /home/joe:hunter2
  /* nor this */
  name = "edge"
}
variable "brokers" { default = ["joe:hunter2@a:1"] }
variable "pin" {
  default   = "hunter3"
  sensitive = true
}
locals {
  where    = env("WHERE", "hunter2")
  made_of  = "hunter2-part"
  password = "hunter2"
  both     = "${local.made_of}-${local.where}"
  plain    = "plain"
  again    = "the pin is hunter3"
  key      = <<-EOT
    -----BEGIN PRIVATE KEY-----
    hunter2
    EOT
  url      = "https://joe:hunter2${local.plain}hunter2@h/a?b=hunter2&c=hunter2 hunter2#hunter2"
  escaped  = "https://h?q=a\\hunter2'\"hunter2"
  command  = ["x", "--password", "hunter2", "--user=joe", "--token=hunter2", env("X", "hunter2")]
  header   = "Authorization: Bearer hunter2"
  of_file  = file("/dev/null")
}
input "tail" "app" { paths = ["/var/log/${local.plain}/*.log"] } # hunter2
output "kafka" "events" {
  brokers = ["a:1"]
  topic   = "logs-${local.plain}" # hunter2
  headers = {
    a         = "b"
    "x-token" = "hunter2"
    json      = "{\"password\": \"hunter2\", \"a\": 1}"
  }
  sasl "plain" {
    user     = "joe"
    password = <<EOT
hunter2
${local.both}
EOT
  }
}
pipeline "app" {
  from = [input.tail.app]
  to   = [output.kafka.events]
}
`
	const want = `agent {
  data_dir = "DATA"
  name = "edge"
}
variable "brokers" { default = (hidden) }
variable "pin" {
  default   = (hidden)
  sensitive = true
}
locals {
  where    = (hidden)
  made_of  = (hidden)
  password = (hidden)
  both     = (hidden)
  plain    = "plain"
  again    = (hidden)
  key      = (hidden)
  url      = "https://(hidden)@h/a?b=(hidden)&c=(hidden)#(hidden)"
  escaped  = "https://h?q=(hidden)"
  command  = ["x", "--password", (hidden), "--user=joe", "--token=(hidden)", env("X", (hidden))]
  header   = "Authorization: Bearer (hidden)"
  of_file  = file("/dev/null")
}
input "tail" "app" { paths = ["/var/log/${local.plain}/*.log"] }
output "kafka" "events" {
  brokers = ["a:1"]
  topic   = "logs-${local.plain}"
  headers = {
    a         = "b"
    "x-token" = (hidden)
    json      = "{\"password\": \"(hidden)\", \"a\": 1}"
  }
  sasl "plain" {
    user     = "joe"
    password = (hidden)
  }
}
pipeline "app" {
  from = [input.tail.app]
  to   = [output.kafka.events]
}
`
	data := filepath.Join(t.TempDir(), "data")
	text := strings.ReplaceAll(written, "DATA", data)
	// What the component itself says of the password is a mistake; here it is a sound one.
	cat := testCatalogue()
	for i, c := range cat.Components {
		if c.Type == "kafka" && c.Kind == Output {
			cat.Components[i].Default = func() any { return &lenient{} }
		}
	}
	path := filepath.Join(t.TempDir(), "penstock.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, report := Load([]string{path}, cat, Options{
		Env: func(string) (string, bool) { return "", false },
	})
	if cfg == nil {
		t.Fatal(report)
	}
	if len(cfg.Files) != 1 || cfg.Files[0].Path != path {
		t.Fatalf("%+v", cfg.Files)
	}
	got := strings.ReplaceAll(cfg.Files[0].Text, data, "DATA")
	if got != want {
		t.Errorf("%s", got)
	}
}

type lenient struct {
	Brokers []string          `hcl:"brokers" doc:"Brokers."`
	Topic   string            `hcl:"topic,optional" doc:"Topic."`
	Headers map[string]string `hcl:"headers,optional" doc:"Headers."`
	SASL    *saslConfig       `hcl:"sasl,block" doc:"SASL."`
}

// Of commands is not shown what their flags, and names of programs, tell to be secret.
func TestCommandsAreShownWithoutSecrets(t *testing.T) {
	const flow = `agent { data_dir = "data" }
input "kafka" "a" {}
output "s3" "b" {}
pipeline "c" {
  from = [input.kafka.a]
  to   = [output.s3.b]
}
`
	for written, want := range map[string]string{
		`["x", "--db-password", "hunter2 hunter2", "-pass", "hunter2", "a"]`:      `["x", "--db-password", (hidden), "-pass", (hidden), "a"]`,
		`["x", "--password=hunter2 hunter2", "--token=", "--passive=a"]`:          `["x", "--password=(hidden)", "--token=", "--passive=a"]`,
		`["mysql", "-ujoe", "-phunter2 \"hunter2", "app", "-P", "3306"]`:          `["mysql", "-ujoe", "-p(hidden)", "app", "-P", "3306"]`,
		`["sudo", "/usr/bin/mariadb-dump", "-phunter2${1 + 1}", "-p"]`:            `["sudo", "/usr/bin/mariadb-dump", "-p(hidden)", "-p"]`,
		`["sshpass", "-p", "hunter2", "ssh", "-p2222", "a"]`:                      `["sshpass", "-p", (hidden), "ssh", "-p(hidden)", "a"]`,
		`["sshpass", "-p", env("X"), "mkdir", "-p", "-m", "0750"]`:                `["sshpass", "-p", env("X"), "mkdir", "-p", "-m", "0750"]`,
		`["mkdir", "-p", "a", "-pb", "redis"]`:                                    `["mkdir", "-p", "a", "-pb", "redis"]`,
		`["redis-cli", "-a", "hunter2", "-h", "a"]`:                               `["redis-cli", "-a", (hidden), "-h", "a"]`,
		`["curl", "-u", "joe:hunter2", "https://a/b"]`:                            `["curl", "-u", (hidden), "https://a/b"]`,
		`["ftp", "joe:hunter2@a", "a:1", "joe@a", "joe:hunt@er/2@a.b:21"]`:        `["ftp", "(hidden)@a", "a:1", "joe@a", "(hidden)@a.b:21"]`,
		`["sh", "-c", "mysql -u joe -phunter2 app | wc -p 1"]`:                    `["sh", "-c", "mysql -u joe -p(hidden) app | wc -p 1"]`,
		`["sh", "-c", "mysql -p'hunter2 hunter2' app; mkdir -p a"]`:               `["sh", "-c", "mysql -p'(hidden)' app; mkdir -p a"]`,
		`["sh", "-c", "x --password hunter2 && y --token \"hunter2 hunter2\" z"]`: `["sh", "-c", "x --password (hidden) && y --token \"(hidden)\" z"]`,
		`["sh", "-c", "x --password $PASSWORD -v"]`:                               `["sh", "-c", "x --password $PASSWORD -v"]`,
		`["sh", "-c", "scp joe:hunter2@a:/b . --secret --c"]`:                     `["sh", "-c", "scp (hidden)@a:/b . --secret --c"]`,
		`["sh", "-c", "PASSWORD='hunter2 hunter2' x"]`:                            `["sh", "-c", "PASSWORD='(hidden)' x"]`,
		`"password=\"hunter2 hunter2\" user=joe"`:                                 `"password=\"(hidden)\" user=joe"`,
	} {
		cfg, report := loadText(t, "locals {\n  x = "+written+"\n}\n"+flow, Options{
			Env: func(string) (string, bool) { return "set", true },
		})
		if cfg == nil {
			t.Fatal(report)
		}
		got := strings.TrimPrefix(strings.TrimSuffix(cfg.Files[0].Text, flow), "locals {\n  x = ")
		got = strings.TrimSuffix(got, "\n}\n")
		if got != want {
			t.Errorf("%s is shown as\n%s, not\n%s", written, got, want)
		}
	}
}
