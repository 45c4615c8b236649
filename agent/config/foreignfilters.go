package config

// foreignFilters is what filters of other tools, their pipelines and processes are told.
var foreignFilters = []ForeignName{
	{
		At:    "pipeline",
		Names: "channel channels capacity transaction_capacity checkpoint_dir data_dirs selector",
		Write: `buffer { max_size = "8GiB" }`,
		Why:   "A pipeline has one buffer, on disk, which all its outputs read.",
	},
	{
		At:    "pipeline",
		Names: "chunk_limit_size total_limit_size queued_chunks_limit_size queue_max_bytes",
		Write: `buffer { max_size = "8GiB" }`,
	},
	{
		At:    "pipeline",
		Names: "flush_interval batch_size flush_thread_count workers flush_mode",
		Write: `latency_budget = "50ms"`,
		Why:   "Outputs read all the time; it is for how long lines that trickle in wait for company.",
	},
	{
		At:    "pipeline",
		Names: "retry_max_times retry_forever retry_wait retry",
		Why:   "Remove it: outputs try for ever; retry { max = \"30s\" } of an output says how often.",
	},
	{
		At:    "pipeline",
		Names: "label copy tag store",
		Write: `to = [output.kafka.events]`,
		Why:   "Each output named there gets every record; route { } chooses by tag or content.",
	},
	{
		At:    "agent",
		Names: "root_dir",
		Write: `data_dir = "/var/lib/penstock"`,
	},
	{
		At:    "agent",
		Names: "parsers_file plugins_file rpc_endpoint daemon flush hot_reload suppress_repeated_stacktrace enable_input_metrics acknowledgements",
		Why:   "Remove it: there is nothing to set. SIGHUP reads the configuration again; systemd keeps the agent running.",
	},
	{
		At:    "agent",
		Names: "http_listen monitoring",
		Write: `admin { listen = "127.0.0.1:9600" }`,
	},
	{
		At:    "agent",
		Names: "logging",
		Write: `log { level = "info" }`,
	},
	{
		At:    "agent",
		Names: "process_name",
		Write: `name = "web-1"`,
	},
	{
		At:    "agent",
		Names: "timezone",
		Why:   "Remove it: times are UTC; where a zone counts, the component has zone or timezone.",
	},
	{
		At:    "pipeline",
		Names: "exactly_once delivery guarantee acknowledgements",
		Write: `output "kafka" "events" {
  brokers  = ["kafka-1:9092"]
  topic    = "app-logs"
  delivery = "exactly_once"
}`,
		Why:   "It is the output that delivers exactly once; an archive always does.",
		Apart: true,
	},
	{
		At:    "pipeline",
		Names: "storage storage_type persistent_queue",
		Write: `buffer { max_size = "8GiB" }`,
		Why:   "It is on disk, below agent.data_dir.",
	},
	{
		At:    "agent",
		Block: "admin",
		Names: "port bind address host http_port",
		Write: `listen = "127.0.0.1:9600"`,
	},
	{
		At:    "filter.time",
		Names: "time_key key timestamp_field source",
		Write: `field = "ts"`,
	},
	{
		At:    "filter.time",
		Names: "time_format format layout match layouts pattern",
		Write: `formats = ["%Y-%m-%d %H:%M:%S"]`,
	},
	{
		At:    "filter.time",
		Names: "timezone time_zone",
		Write: `zone = "Europe/Berlin"`,
	},
	{
		At:    "filter.parse",
		Names: "parser parser_type",
		Write: `format = "json"`,
	},
	{
		At:    "filter.parse",
		Names: "format",
		Value: "apache apache2 combined httpd apache_combined_log combinedapachelog",
		Write: `format = "apache_combined"`,
	},
	{
		At:    "filter.parse",
		Names: "format",
		Value: "ltsv kv",
		Write: `format = "logfmt"`,
	},
	{
		At:    "filter.parse",
		Names: "format",
		Value: "multiline",
		Write: `input "tail" "app" {
  paths = ["/var/log/app/*.log"]
  multiline { start = "^[0-9]{4}-" }
}`,
		Why:   "Lines are joined where they are read.",
		Apart: true,
	},
	{
		At:    "filter.parse",
		Names: "format",
		Value: "none raw plain text single_line",
		Why:   "Remove the filter: lines pass as they are.",
	},
	{
		At:    "filter.parse",
		Names: "format",
		Value: "syslog_rfc3164 syslog_rfc5424 rfc3164 rfc5424",
		Write: `format = "syslog"`,
	},
	{
		At:    "filter.parse",
		Names: "match grok_pattern",
		Write: `format  = "grok"
pattern = "%%{IP:client} %%{NUMBER:ms:float}"`,
	},
	{
		At:    "filter.parse",
		Names: "reserve_data remove_key_name_field overwrite preserve_key drop_field",
		Write: `keep = "message"`,
		Why:   "Other fields stay as they are; the text itself does only with this.",
	},
	{
		At:    "filter.parse",
		Names: "target hash_value_field inject_key_prefix target_field",
		Write: `into = "parsed"`,
	},
	{
		At:    "filter.parse",
		Names: "source",
		Write: `field = "message"`,
	},
	{
		At:    "filter.parse",
		Names: "reserve_time time_key time_format keep_time_key local_time",
		Write: `filter "time" "ts" { field = "ts" }`,
		Why:   "time = true takes the time of formats that have one; a filter time that of any field.",
		Apart: true,
	},
	{
		At:    "filter.parse",
		Names: "patterns_dir pattern_definitions",
		Write: `definitions = { ORDER = "ord-[0-9]+" }`,
	},
	{
		At:    "filter.parse",
		Names: "separator",
		Write: `delimiter = ";"`,
	},
	{
		At:    "filter.parse",
		Names: "emit_invalid_record_to_error on_error drop_on_error tag_on_failure",
		Write: `on_failure = "dead_letter"`,
	},
	{
		At:    "filter.parse",
		Names: "unescape_key replace_invalid_sequence estimate_current_event",
		Why:   "Remove it: it is done by itself.",
	},
	{
		At:    "filter.grep",
		Names: "and or logical_op condition",
		Write: `filter "where" "errors" { if = "field.level == 'error' and field.ms > 100" }`,
		Why:   "The filter where takes conditions that are put together.",
		Apart: true,
	},
	{
		At:    "filter.set",
		Names: "add_field add set record value",
		Write: `fields = { env = "'prod'" }`,
		Why:   "Each is an expression: text stands in single quotes.",
	},
	{
		At:    "filter.set",
		Names: "field source target",
		Write: `fields = { host = "header.host" }`,
	},
	{
		At:    "filter.set",
		Names: "rename rename_field",
		Write: `filter "rename_fields" "names" { fields = { msg = "message" } }`,
		Apart: true,
	},
	{
		At:    "filter.set",
		Names: "remove_keys remove_field remove",
		Write: `filter "remove_fields" "fewer" { fields = ["password"] }`,
		Apart: true,
	},
	{
		At:    "filter.set",
		Names: "keep_keys whitelist_key",
		Write: `filter "keep_fields" "few" { fields = ["message"] }`,
		Apart: true,
	},
	{
		At:    "filter.set",
		Names: "enable_ruby auto_typecast renew_record",
		Why:   "Remove it: values are expressions, which keep their types (penstock help expressions).",
	},
	{
		At:    "filter.add_fields",
		Names: "add_field labels tags target",
		Write: `fields = { env = "prod" }`,
	},
	{
		At:    "filter.redact",
		Names: "filters rules masks redactor pattern",
		Write: `patterns = ["password=[^ ]*"]`,
	},
	{
		At:    "filter.redact",
		Names: "replacement",
		Write: `replace = "***"`,
	},
	{
		At:    "filter.throttle",
		Names: "rate threshold group_bucket_limit after_count max_count",
		Write: `limit = 100`,
	},
	{
		At:    "filter.throttle",
		Names: "window interval period group_bucket_period_s time_window max_age",
		Write: `per = "1s"`,
	},
	{
		At:    "filter.throttle",
		Names: "group_key key_field",
		Write: `key = "field.user"`,
	},
	{
		At:    "filter.dedupe",
		Names: "fields match",
		Write: `key = "field.id"`,
	},
	{
		At:    "filter.dedupe",
		Names: "time window cache",
		Write: `within = "1m"`,
	},
}
