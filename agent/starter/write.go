package starter

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// Write returns the configuration that Complete answers make, in its usual form.
func Write(a Answers) []byte {
	w := &writer{a: a}
	w.agent()
	w.input()
	w.output()
	w.overflow()
	w.pipeline()
	return hclwrite.Format([]byte(w.String()))
}

type writer struct {
	strings.Builder
	a Answers
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// quote writes a text as HCL does.
func quote(s string) string {
	return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes())
}

func quotes(list []string) string {
	var out []string
	for _, s := range list {
		out = append(out, quote(s))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func (w *writer) agent() {
	w.line("# Made by penstock init. Every attribute there is: penstock help output.kafka, and so on.\n")
	w.line("agent {")
	w.line("# Buffers and positions: on a disk that stays, for this agent alone.")
	w.line("data_dir = %s\n", quote(w.a["data-dir"]))
	w.line("# The status page, /metrics for Prometheus, and what penstock status asks.")
	w.line("admin { listen = \"127.0.0.1:9600\" }")
	w.line("}\n")
}

func (w *writer) listen(usual string) string {
	if l := w.a["listen"]; l != "" {
		return l
	}
	return usual
}

func (w *writer) input() {
	switch w.a["from"] {
	case "tail":
		w.line("# Follows files through rotation. Include the rotated ones (app.log.*): what was not read")
		w.line("# before a rotation is then read from there.")
		w.line("input \"tail\" \"logs\" {")
		w.line("paths = %s", quotes(w.a.List("path")))
		w.line("# exclude  = [\"/var/log/app/debug.log\"]")
		w.line("# start_at = \"end\"   # of files that are there already; the beginning by default")
		w.line("# multiline { presets = [\"java\"] }")
		w.line("}\n")
	case "forward":
		w.line("# Takes what fluentd and fluent-bit send with their output forward.")
		w.line("input \"forward\" \"logs\" {")
		w.line("listen = %s", quote(w.listen("0.0.0.0:24224")))
		w.serverTLS()
		w.line("# security { shared_key = env(\"SHARED_KEY\") }")
		w.line("}\n")
	case "http":
		w.line("# Takes lines, JSON, Elasticsearch bulk, Splunk HEC and OTLP. Other hosts reach it by 0.0.0.0.")
		w.line("input \"http\" \"logs\" {")
		w.line("listen = %s", quote(w.listen("127.0.0.1:9880")))
		w.serverTLS()
		w.line("# auth { tokens = [env(\"HTTP_TOKEN\")] }")
		w.line("}\n")
	case "syslog":
		at := strings.TrimPrefix(strings.TrimPrefix(w.listen("0.0.0.0:5514"), "tcp://"), "udp://")
		w.line("# Takes RFC 3164 and 5424. Ports below 1024 need CAP_NET_BIND_SERVICE.")
		w.line("input \"syslog\" \"logs\" {")
		w.line("listen = %s", quotes([]string{"udp://" + at, "tcp://" + at}))
		w.line("}\n")
	case "journald":
		w.line("# Follows the systemd journal; the agent's user must be in the group systemd-journal.")
		w.line("input \"journald\" \"logs\" {")
		w.line("# units = [\"nginx.service\"]")
		w.line("}\n")
	case "kafka":
		w.line("# Reads topics as a member of a group, whose offsets hold the progress.")
		w.line("input \"kafka\" \"logs\" {")
		w.line("brokers = %s", quotes(w.a.List("brokers")))
		w.line("topics = %s", quotes(w.a.List("topic")))
		w.line("group = %s", quote(w.a["group"]))
		w.kafkaSecurity()
		w.line("}\n")
	}
}

func (w *writer) serverTLS() {
	w.line("# tls {")
	w.line("#   cert_file = \"/etc/penstock/server.pem\"")
	w.line("#   key_file  = \"/etc/penstock/server.key\"")
	w.line("# }")
}

func (w *writer) kafkaSecurity() {
	w.line("# tls { ca_file = \"/etc/penstock/kafka-ca.pem\" }")
	w.line("# sasl {")
	w.line("#   mechanism = \"SCRAM-SHA-512\"")
	w.line("#   username  = \"penstock\"")
	w.line("#   password  = env(\"KAFKA_PASSWORD\")")
	w.line("# }")
}

func (w *writer) output() {
	switch w.a["to"] {
	case "kafka":
		w.line("output \"kafka\" \"out\" {")
		if w.a.mirror() {
			w.line("brokers = %s", quotes(w.a.List("to-brokers")))
			w.topic()
		} else {
			w.line("brokers = %s", quotes(w.a.List("brokers")))
			w.line("topic = %s", quote(w.a["topic"]))
			w.line("# If it is not there, have the brokers make it:")
			w.line("# allow_auto_topic_creation = true")
			w.line("# Each record once, for readers of committed records:")
			w.line("# delivery = \"exactly_once\"")
		}
		w.kafkaSecurity()
		w.failover()
		w.line("}\n")
	case "forward":
		w.line("output \"forward\" \"out\" {")
		for i, s := range w.a.List("server") {
			w.line("server \"%d\" { address = %s }", i+1, quote(s))
		}
		w.line("# shared_key = env(\"SHARED_KEY\")")
		w.line("# tls { ca_file = \"/etc/penstock/ca.pem\" }")
		w.failover()
		w.line("}\n")
	case "stdout":
		w.line("# On standard output, to look at.")
		w.line("output \"stdout\" \"out\" {}\n")
	default:
		w.line("# Each record is in exactly one object.")
		w.line("output %s \"out\" {", quote(w.a["to"]))
		w.place(w.a["to"])
		w.archive()
		w.line("}\n")
	}
}

// topic is that of a mirror. It is a template, as its preset is one.
func (w *writer) topic() {
	w.line("# Topics have to exist there; records keep their keys, headers and times.")
	name := strings.TrimSuffix(strings.TrimPrefix(quote(w.a["to-topic"]), "\""), "\"")
	w.line("topic = \"%s\"", strings.ReplaceAll(name, "$${", "${"))
	w.line("# A partition's records stay together, in their order. By their keys, as producers do it:")
	w.line("# partitioner = \"hash\"")
}

func (w *writer) failover() {
	if f := w.a["failover"]; f == "" || f == "none" {
		if w.a["from"] == "kafka" { // what waits, waits there
			return
		}
		w.line("# While it is down, records wait in the buffer; penstock help output.kafka, failover.")
		return
	}
	w.line("# While it is down, the oldest records move there, and come back in order.")
	w.line("failover {")
	w.line("to = output.%s.overflow", w.a["failover"])
	w.line("after = \"30s\"")
	w.line("}")
}

// place says where the objects of a store lie.
func (w *writer) place(typ string) {
	switch typ {
	case "local":
		w.line("directory = %s", quote(w.a["directory"]))
		return
	case "s3":
		w.line("bucket = %s", quote(w.a["bucket"]))
		if r := w.a["region"]; r != "" {
			w.line("region = %s", quote(r))
		}
		if e := w.a["endpoint"]; e != "" {
			w.line("endpoint = %s", quote(e))
			w.line("path_style = true")
		}
		w.line("# Credentials: the usual ones of AWS (environment, profile, role), or")
		w.line("# access_key_id     = env(\"AWS_ACCESS_KEY_ID\")")
		w.line("# secret_access_key = env(\"AWS_SECRET_ACCESS_KEY\")")
	case "gcs":
		w.line("bucket = %s", quote(w.a["bucket"]))
		w.line("# Credentials: the usual ones of Google Cloud, or")
		w.line("# credentials_file = \"/etc/penstock/gcs.json\"")
	}
}

func (w *writer) archive() {
	source := "tag"
	if w.a["from"] == "kafka" {
		source = "topic"
	}
	w.line("path = \"${%s}/dt=${strftime(\"%%Y-%%m-%%d\")}/hr=${strftime(\"%%H\")}\"", source)
	w.line("# The hour is that of the record; of a field of JSON with")
	w.line("# time { field = \"ts\" }")
	w.line("format \"raw\" {} # the values as they are; or ndjson, delimited, avro, parquet")
	w.line("compression = \"gzip\"")
	if w.a["to"] == "local" {
		w.line("# An object is made every ten seconds, to see something soon; 1h in earnest.")
		w.line("roll { age = \"10s\" }")
		return
	}
	w.line("# An object is made when one of these is reached.")
	w.line("roll {")
	w.line("size = \"128MiB\"")
	w.line("age = \"1h\"")
	w.line("idle = \"10m\"")
	w.line("}")
}

func (w *writer) overflow() {
	if f := w.a["failover"]; f != "" && f != "none" {
		w.line("output %s \"overflow\" {", quote(f))
		w.place(f)
		w.line("}\n")
	}
}

func (w *writer) pipeline() {
	w.line("pipeline \"main\" {")
	w.line("from = [input.%s.logs]", w.a["from"])
	w.line("to = [output.%s.out]\n", w.a["to"])
	w.line("# Filters work in the order in which they stand: penstock help filter.drop")
	w.line("# filter \"drop\" { if = \"field.level == 'debug'\" }")
	if w.a["from"] != "kafka" {
		w.line("\n# What waits lies on disk, up to so much; then inputs wait.")
		w.line("# buffer { max_size = \"8GiB\" }")
	}
	w.line("}")
}
