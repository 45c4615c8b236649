package config

import (
	"fmt"
	"slices"
	"strings"
)

// foreignType is what other tools call a type of component, and what to write instead.
type foreignType struct {
	Kind  Kind
	Names string
	Write string // the type that stands for it; "" is none
	Why   string // a sentence
}

// foreignTypes holds names that no component has.
var foreignTypes = []foreignType{
	{Kind: Input, Names: "file log filestream in_tail taildir imfile spooldir", Write: "tail"},
	{
		Kind:  Input,
		Names: "kubernetes_logs container docker docker_logs cri",
		Write: "tail",
		Why:   "Give it paths = [\"/var/log/containers/*.log\"] and container = true.",
	},
	{
		Kind:  Input,
		Names: "beats lumberjack logstash",
		Why:   "There is none for the protocol of Beats: read the files themselves with input \"tail\", or let Filebeat write to Kafka.",
	},
	{Kind: Input, Names: "fluent fluentd in_forward tron", Write: "forward"},
	{Kind: Input, Names: "systemd journal imjournal sd_journal", Write: "journald"},
	{Kind: Input, Names: "http_server splunk_hec loki_push heroku_logs elastic_bulk", Write: "http"},
	{Kind: Input, Names: "imtcp imudp syslogtcp syslogudp unix netsyslog", Write: "syslog"},
	{Kind: Input, Names: "socket netcat", Write: "tcp"},
	{Kind: Input, Names: "kafka_group rdkafka_group", Write: "kafka"},
	{
		Kind:  Input,
		Names: "dummy demo_logs demo random generator seq",
		Write: "exec",
		Why:   "Let it run a command that prints lines; penstock try takes lines without any input.",
	},
	{
		Kind:  Input,
		Names: "prometheus_scrape host_metrics internal_metrics cpu mem statsd node_exporter_metrics",
		Why:   "There is none: penstock takes logs, not measures.",
	},
	{Kind: Output, Names: "kafka2 kafka_buffered rdkafka rdkafka2 omkafka", Write: "kafka"},
	{Kind: Output, Names: "aws_s3 minio s3_event", Write: "s3"},
	{Kind: Output, Names: "gcp_cloud_storage google_cloud_storage google_gcs", Write: "gcs"},
	{Kind: Output, Names: "es opensearch elastic omelasticsearch", Write: "elasticsearch"},
	{Kind: Output, Names: "console print debug logger", Write: "stdout"},
	{Kind: Output, Names: "fluent fluentd tron secure_forward", Write: "forward"},
	{Kind: Output, Names: "webhook splunk_hec_logs", Write: "http"},
	{
		Kind:  Output,
		Names: "null blackhole devnull",
		Write: "file",
		Why:   "There is none that throws records away: filter \"drop\" does, and counts them.",
	},
	{
		Kind: Output,
		Names: "loki kinesis kinesis_streams aws_kinesis_streams firehose azure azure_blob pulsar nats " +
			"redis clickhouse postgres bigquery datadog splunk cloudwatch_logs hdfs",
		Why: "There is none for it. Send to Kafka, or with output \"http\" to what takes lines or JSON.",
	},
	{
		Kind: Filter, Names: "remap record_modifier mutate modify js script", Write: "set",
		Why: "Its values are expressions: penstock help expressions. Others rename, remove, convert and split.",
	},
	{Kind: Filter, Names: "record_transformer add_field add_tags", Write: "add_fields"},
	{Kind: Filter, Names: "drop_fields remove_key", Write: "remove_fields"},
	{
		Kind: Filter, Names: "grok dissect json json_parser parser decode_json_fields csv kv regex useragent user_agent",
		Write: "parse",
		Why:   "How the text is written is its format: json, regex, grok, logfmt, csv and others.",
	},
	{
		Kind: Filter, Names: "rewrite_tag_filter rewrite_tag retag", Write: "rename_tag",
		Why: "Where records go by what they say is a route of the pipeline.",
	},
	{Kind: Filter, Names: "filter if condition", Write: "where"},
	{Kind: Filter, Names: "date timestamp", Write: "time"},
	{Kind: Filter, Names: "fingerprint", Write: "hash"},
	{Kind: Filter, Names: "translate geoip enrich", Write: "lookup"},
	{Kind: Filter, Names: "rate_limit rate_limiter", Write: "throttle"},
	{Kind: Filter, Names: "concat", Write: "multiline"},
	{Kind: Filter, Names: "mask anonymizer anonymize", Write: "redact"},
	{
		Kind: Filter, Names: "lua ruby",
		Why: "Code of one's own is a module of WebAssembly: filter \"wasm\"; see also filter \"set\" and penstock help expressions.",
	},
	{
		Kind: Filter, Names: "kubernetes kubernetes_metadata add_kubernetes_metadata add_docker_metadata",
		Why: "Write container = true in input \"tail\", and a kubernetes block: the pod, its labels and annotations come as headers.",
	},
	{
		Kind: Filter, Names: "reduce merge",
		Why: "Lines are joined by filter \"multiline\", or where they are read: multiline { } of input \"tail\".",
	},
	{
		Kind: Filter, Names: "route swimlanes",
		Why: "Write route { } in the pipeline.",
	},
}

// ForeignBlock is what other tools have on the outermost level, and what to write instead.
type ForeignBlock struct {
	Names string
	Write string // what to write there; "" is nothing
	Why   string // a sentence
}

// ForeignBlocks is the table of them.
var ForeignBlocks = []ForeignBlock{
	{Names: "source sources inputs", Write: declaration(Input, "tail", "app")},
	{Names: "sink sinks store outputs", Write: declaration(Output, "kafka", "events")},
	{
		Names: "match", Write: declaration(Output, "kafka", "events"),
		Why: "Which records it gets is said by a pipeline.",
	},
	{
		Names: "transform transforms processor processors filters",
		Write: declaration(Filter, "set", "more"),
	},
	{Names: "parser parsers", Write: declaration(Filter, "parse", "app")},
	{
		Names: "label routes",
		Write: "pipeline \"main\" {\n  from = [input.tail.app]\n  to   = [output.kafka.events]\n}",
		Why:   "It says which inputs go to which outputs.",
	},
	{Names: "route", Why: "It belongs into a pipeline: what is taken by no route goes to its to."},
	{Names: "service system global", Write: "agent {\n  data_dir = \"/var/lib/penstock\"\n}"},
	{Names: "api", Write: "agent {\n  admin { listen = \"127.0.0.1:9600\" }\n}"},
	{
		Names: "buffer",
		Write: "pipeline \"main\" {\n  from = [input.tail.app]\n  to   = [output.kafka.events]\n" +
			"  buffer { max_size = \"8GiB\" }\n}",
		Why: "It belongs into a pipeline.",
	},
	{
		Names: "failover",
		Write: "output \"kafka\" \"events\" {\n  brokers = [\"kafka-1:9092\"]\n  topic   = \"app-logs\"\n" +
			"  failover { to = output.s3.overflow }\n}",
		Why: "It belongs into an output.",
	},
	{
		Names: "include",
		Why:   "Remove it: penstock reads all the files, and all *.hcl of the directories, that it is given.",
	},
}

// hintForBlock returns what is known of the name of a block on the outermost level, or "".
func hintForBlock(name string) string {
	for _, b := range ForeignBlocks {
		if slices.Contains(strings.Fields(b.Names), plainName(name)) {
			return ForeignName{Write: b.Write, Why: b.Why}.hint()
		}
	}
	return ""
}

// hintForType returns what is known of the name of a type, or "".
func hintForType(kind Kind, typ string) string {
	name := plainName(typ)
	for _, f := range foreignTypes {
		if f.Kind != kind || !slices.Contains(strings.Fields(f.Names), name) {
			continue
		}
		if f.Write == "" {
			return f.Why
		}
		return strings.TrimSpace(fmt.Sprintf("Did you mean %s %q? %s", kind, f.Write, f.Why))
	}
	return ""
}
