package config

import (
	"fmt"
	"strings"
)

// bodies is what a component needs at least, a line each; types that need nothing are not there.
var bodies = map[string]string{
	"input.exec":     `command = ["uptime"]`,
	"input.kafka":    "brokers = [\"kafka-1:9092\"]\ngroup   = \"lake\"\ntopics  = [\"app-logs\"]",
	"input.tail":     `paths = ["/var/log/app/*.log"]`,
	"input.tcp":      `listen = "127.0.0.1:5170"`,
	"input.udp":      `listen = "127.0.0.1:5160"`,
	"output.file":    `path = "/var/lib/penstock/out.log"`,
	"output.gcs":     `bucket = "acme-logs"`,
	"output.http":    `url = "https://logs.example.com/"`,
	"output.kafka":   "brokers = [\"kafka-1:9092\"]\ntopic   = \"app-logs\"",
	"output.local":   `directory = "/var/lib/penstock/lake"`,
	"output.s3":      `bucket = "acme-logs"`,
	"output.forward": `server "relay" { address = "relay-1:24224" }`,

	"output.elasticsearch": `urls = ["https://search-1:9200"]`,

	"filter.add_fields":    `fields = { env = "prod" }`,
	"filter.convert":       `types = { ms = "int" }`,
	"filter.count":         `name = "errors"`,
	"filter.grep":          `include = ["error"]`,
	"filter.hash":          `into = "field.id"`,
	"filter.keep_fields":   `fields = ["message"]`,
	"filter.lookup":        "table = \"/etc/penstock/hosts.csv\"\nkey   = \"field.host\"",
	"filter.multiline":     `start = "^[0-9]"`,
	"filter.nest":          "into   = \"http\"\nfields = [\"status\"]",
	"filter.parse":         `format = "json"`,
	"filter.redact":        `presets = ["email"]`,
	"filter.remove_fields": `fields = ["password"]`,
	"filter.rename_fields": `fields = { msg = "message" }`,
	"filter.rename_tag":    `to = "app"`,
	"filter.replace":       `pattern = "[0-9]+"`,
	"filter.sample":        `keep = 0.1`,
	"filter.set":           `fields = { level = "lower(field.level)" }`,
	"filter.split":         `field = "message"`,
	"filter.throttle":      `limit = 1000`,
	"filter.time":          `field = "time"`,
	"filter.truncate":      `size = "64KiB"`,
	"filter.uuid":          `field = "id"`,
	"filter.wasm":          `module = "/etc/penstock/filter.wasm"`,
	"filter.where":         `condition = "field.level == 'error'"`,
}

// declaration returns a component that can be pasted into a configuration.
func declaration(kind Kind, typ, name string) string {
	head := fmt.Sprintf("%s %q %q", kind, typ, name)
	body := bodies[string(kind)+"."+typ]
	switch {
	case body == "":
		return head + " {}"
	case strings.Contains(body, "\n"):
		return head + " {\n  " + strings.ReplaceAll(body, "\n", "\n  ") + "\n}"
	}
	return head + " { " + body + " }"
}

// inlineDeclaration returns a filter that stands within a pipeline.
func inlineDeclaration(typ string) string {
	return strings.Replace(declaration(Filter, typ, "x"), ` "x"`, "", 1)
}
