package config

import "slices"

const (
	archives = "output.s3 output.gcs output.local"
	kafkas   = "input.kafka output.kafka"
	servers  = "input.http input.forward input.tcp input.udp"
)

// ForeignNames is the table of names from other tools. Of rows that fit, the first counts.
var ForeignNames = slices.Concat(common, foreignInputs, foreignOutputs, foreignFilters)

// common is what several tools call alike.
var common = []ForeignName{
	// Agent.
	{
		At:    "agent",
		Names: "path data dir state_dir storage_path data_path workdir",
		Write: `data_dir = "/var/lib/penstock"`,
	},
	{At: "agent", Names: "hostname host id agent_name", Write: `name = "web-1"`},
	{
		At:    "agent",
		Names: "listen http_port port http_server metrics_port prometheus api health",
		Write: `admin { listen = "127.0.0.1:9600" }`,
	},
	{At: "agent", Names: "log_level level loglevel", Write: `log { level = "info" }`},
	{At: "agent", Names: "log_format", Write: `log { format = "json" }`},
	{At: "agent", Names: "memory max_memory mem_limit", Write: `memory_limit = "128MiB"`},
	{
		At:    "agent",
		Names: "grace shutdown_grace_period graceful_timeout",
		Write: `shutdown_timeout = "30s"`,
	},
	{
		At:    "agent",
		Names: "workers threads",
		Why:   "Remove it: the agent uses the processors there are; the limit is GOMAXPROCS in its environment.",
	},

	// Pipelines.
	{At: "pipeline", Names: "inputs input source sources in", Write: `from = [input.tail.app]`},
	{
		At:    "pipeline",
		Names: "outputs output sink sinks destination destinations out",
		Write: `to = [output.kafka.events]`,
	},
	{
		At:    "pipeline",
		Names: "filters transforms transform processors processor",
		Write: `filter = [filter.grep.errors]`,
	},
	{
		At:    "pipeline",
		Names: "routes match when",
		Write: "route {\n  match = [\"app.**\"]\n  to    = [output.kafka.events]\n}",
	},
	{At: "pipeline", Names: "default else fallback", Write: `otherwise = [output.kafka.events]`},
	{
		At:    "pipeline",
		Names: "max_size buffer_size queue_size queue",
		Write: `buffer { max_size = "8GiB" }`,
	},
	{
		At:    "pipeline",
		Names: "when_full overflow_action on_full",
		Write: `buffer { when_full = "block" }`,
	},
	{
		At:    "pipeline",
		Block: "buffer",
		Names: "type mode",
		Why:   "Remove it: a buffer is on disk, below agent.data_dir.",
	},
	{
		At:    "pipeline",
		Block: "buffer",
		Names: "path dir directory",
		Write: `agent { data_dir = "/var/lib/penstock" }`,
		Why:   "Buffers lie below it.",
		Apart: true,
	},
	{
		At:    "pipeline",
		Block: "buffer",
		Names: "size limit total_limit_size max_bytes storage_total_limit_size",
		Write: `max_size = "8GiB"`,
	},
	{
		At:    "pipeline",
		Block: "buffer",
		Names: "overflow_action on_full full",
		Write: `when_full = "block"`,
	},
	{
		At:    "pipeline",
		Block: "buffer",
		Names: "chunk_limit_size chunk_size",
		Write: `segment_size = "128MiB"`,
	},
	{
		At:    "pipeline",
		Block: "buffer",
		Names: "flush_at_shutdown flush_mode flush_thread_count",
		Why:   "Remove it: outputs read the buffer all the time, and what is left at a stop stays on disk.",
	},
	{At: "pipeline", Block: "buffer", Names: "fsync sync_interval", Write: `sync = true`},
	{
		At:    "pipeline",
		Block: "buffer",
		Names: "when_full",
		Value: "drop discard drop_oldest_chunk drop_newest",
		Write: `when_full = "drop_oldest"`,
	},
	{
		At:    "pipeline",
		Block: "buffer",
		Names: "when_full",
		Value: "throw_exception wait retry",
		Write: `when_full = "block"`,
	},

	// All outputs that drain in a loop of their own.
	{
		At:    "output.*",
		Names: "buffer queue",
		Write: "pipeline \"main\" {\n  from = [input.stdin.in]\n  to   = [output.stdout.out]\n  buffer { max_size = \"8GiB\" }\n}",
		Why:   "The buffer belongs to the pipeline.",
		Apart: true,
	},
	{
		At:    "output.*",
		Names: "inputs from source sources match",
		Write: "pipeline \"main\" {\n  from = [input.stdin.in]\n  to   = [output.stdout.out]\n}",
		Why:   "Inputs and outputs meet in a pipeline.",
		Apart: true,
	},
	{
		At:    "input.*",
		Names: "outputs to output label",
		Write: "pipeline \"main\" {\n  from = [input.stdin.in]\n  to   = [output.stdout.out]\n}",
		Why:   "Inputs and outputs meet in a pipeline.",
		Apart: true,
	},
	{
		At:    "filter.parse",
		Names: "type kind parser",
		Write: `format = "json"`,
		Why:   "Or regex, nginx, syslog and others.",
	},
	{
		At:    "input.* output.* filter.*",
		Names: "type kind",
		Why:   "The type is the first label: output \"stdout\" \"out\" {}",
	},
	{
		At:    "input.* output.* filter.*",
		Names: "enabled enable disabled",
		Why:   "Remove it: what no pipeline names does not run.",
	},
	{
		At:    "output.kafka output.forward output.http output.elasticsearch output.file output.stdout",
		Names: "max_retries retries retry_limit retry_forever retry_max_times retry_max_interval retry_wait max_backoff backoff",
		Write: `retry { max = "30s" }`,
		Why:   "Attempts never end; where records go meanwhile is said by failover.",
	},
	{
		At:    "output.kafka output.forward output.http output.elasticsearch output.file output.stdout",
		Names: "dead_letter_queue dlq error_topic dead_letter_dir rejected",
		Write: `dead_letter { dir = "/var/lib/penstock/dead-letter/events" }`,
	},
	{
		At:    "output.kafka output.forward output.http output.elasticsearch output.file output.stdout",
		Names: "secondary backup overflow fallback standby spill",
		Write: `failover { to = output.s3.overflow }`,
	},

	// Kafka.
	{
		At:    "output.kafka",
		Names: "dead_letter_topic dlq_topic",
		Write: `dead_letter { to = output.kafka.events }`,
		Why:   "Name another output, with that topic.",
	},
	{
		At:    kafkas,
		Names: "security_protocol",
		Write: "tls {}\nsasl {\n  mechanism = \"SCRAM-SHA-512\"\n  username  = \"me\"\n  password  = env(\"KAFKA_PASSWORD\")\n}",
		Why:   "SSL is tls, SASL is sasl, SASL_SSL both.",
	},
	{
		At:    kafkas,
		Names: "bootstrap_servers bootstrap_server hosts servers server broker_list seed_brokers seed_broker addresses address broker zookeeper metadata_broker_list",
		Write: `brokers = ["kafka-1:9092", "kafka-2:9092"]`,
	},
	{
		At:    kafkas,
		Names: "username user password sasl_mechanism sasl_mechanisms sasl_username sasl_password auth authentication scram_mechanism principal",
		Write: "sasl {\n  mechanism = \"SCRAM-SHA-512\"\n  username  = \"me\"\n  password  = env(\"KAFKA_PASSWORD\")\n}",
	},
	{
		At:    kafkas,
		Names: "ssl ssl_ca_location ssl_ca_cert ssl_ca ca_file cert_file key_file ca_cert use_ssl ssl_client_cert",
		Write: `tls { ca_file = "/etc/ssl/kafka-ca.pem" }`,
	},
	{At: kafkas, Block: "sasl", Names: "type method", Write: `mechanism = "SCRAM-SHA-512"`},
	{At: kafkas, Block: "sasl", Names: "user login", Write: `username = "me"`},
	{
		At:    kafkas,
		Block: "tls",
		Names: "ca ca_cert cacert ca_path",
		Write: `ca_file = "/etc/ssl/ca.pem"`,
	},
	{
		At:    kafkas,
		Block: "tls",
		Names: "cert crt certificate client_cert",
		Write: `cert_file = "/etc/ssl/client.pem"`,
	},
	{At: kafkas, Block: "tls", Names: "key client_key", Write: `key_file = "/etc/ssl/client.key"`},
	{At: kafkas, Block: "tls", Names: "enabled enable", Why: "Remove it: the block turns TLS on."},
	{
		At:    kafkas,
		Block: "tls",
		Names: "verify verify_certificate insecure skip_verify",
		Write: `insecure_skip_verify = true`,
		Why:   "For tests only.",
	},
	{
		At:    "output.kafka",
		Names: "acks ack required_acks request_required_acks requires_acks",
		Why:   "Remove it: a record counts as delivered when all in-sync replicas have it (acks=all), always.",
	},
	{
		At:    "output.kafka",
		Names: "exactly_once idempotence enable_idempotence idempotent transactional transactional_id transactions",
		Write: `delivery = "exactly_once"`,
		Why:   "Without it the producer is idempotent already.",
	},
	{
		At:    "output.kafka",
		Names: "topics topic_name default_topic topic_id",
		Write: `topic = "app-logs"`,
	},
	{
		At:    "output.kafka",
		Names: "topic_key topic_field dynamic_topic",
		Write: `topic = "${field.topic}"`,
	},
	{
		At:    "output.kafka",
		Names: "message_key message_key_field message_key_key default_message_key key_field",
		Write: `key = "${field.user}"`,
	},
	{
		At:    "output.kafka",
		Names: "partition partition_key partition_key_key partition_by partitioning partition_field",
		Write: `partitioner = "hash"`,
		Why:   "The record's key decides then, which key = \"${field.NAME}\" sets.",
	},
	{
		At:    "output.kafka",
		Names: "codec compress compression_codec compression_type",
		Write: `compression = "lz4"`,
	},
	{
		At:    "output.kafka",
		Names: "batch_size batch_bytes message_max_bytes max_message_bytes max_request_size max_send_limit_bytes",
		Write: `batch_max_bytes = "1MiB"`,
	},
	{
		At:    "output.kafka",
		Names: "linger_ms flush_interval batch_timeout flush",
		Write: `linger = "5ms"`,
	},
	{
		At:    "output.kafka",
		Names: "timeout message_timeout message_timeout_ms delivery_timeout_ms ack_timeout",
		Write: `delivery_timeout = "20s"`,
	},
	{
		At:    "output.kafka",
		Names: "encoding output_format value output_data_type",
		Write: `format = "msgpack"`,
		Why:   "That is for msgpack; otherwise remove it: values go as they are, and a filter changes them.",
	},
	{
		At:    "output.kafka",
		Names: "auto_create_topics create_topics auto_create",
		Write: `allow_auto_topic_creation = true`,
	},
	{
		At:    "output.kafka",
		Names: "delivery",
		Value: "exactly-once exactlyonce eos",
		Write: `delivery = "exactly_once"`,
	},
	{
		At:    "output.kafka",
		Names: "delivery",
		Value: "at-least-once all acks",
		Write: `delivery = "at_least_once"`,
	},
	{
		At:    "input.kafka",
		Names: "group_id consumer_group consumer_group_id",
		Write: `group = "lake"`,
	},
	{At: "input.kafka", Names: "topic", Write: `topics = ["app-logs"]`},
	{
		At:    "input.kafka",
		Names: "topic_filter topic_regex topic_pattern topics_pattern",
		Write: `topics_regex = ["^app-"]`,
	},
	{
		At:    "input.kafka",
		Names: "auto_offset_reset offset_reset initial_offset offset start_at from_beginning start_from",
		Write: `start = "earliest"`,
	},
	{At: "input.kafka", Names: "isolation_level", Write: `isolation = "read_committed"`},
	{
		At:    "input.kafka",
		Names: "commit_interval auto_commit enable_auto_commit auto_commit_interval",
		Why:   "Remove it: a position is committed once the output has what stands before it.",
	},
	{
		At:    "input.kafka",
		Names: "format codec decoding parser decode",
		Why:   "Remove it: values are passed on as they are. An archive reads them as its decode block says.",
	},
	{At: "input.kafka", Names: "group_instance_id static_member", Write: `instance_id = "lake-1"`},
	{
		At:    "input.kafka",
		Names: "threads consumers workers consumer_threads",
		Why:   "Remove it: one member reads all of its partitions at once.",
	},

	// Archives.
	{
		At:    archives,
		Names: "exactly_once delivery",
		Why:   "Remove it: each record is in exactly one object, always.",
	},
	{
		At:    "output.s3",
		Names: "access_key aws_key_id aws_access_key aws_access_key_id key_id",
		Write: "access_key_id     = env(\"AWS_ACCESS_KEY_ID\")\nsecret_access_key = env(\"AWS_SECRET_ACCESS_KEY\")",
	},
	{
		At:    "output.s3",
		Names: "secret_key secret aws_secret_key aws_sec_key aws_secret_access_key secret_access",
		Write: "access_key_id     = env(\"AWS_ACCESS_KEY_ID\")\nsecret_access_key = env(\"AWS_SECRET_ACCESS_KEY\")",
	},
	{
		At:    "output.s3",
		Names: "aws_session_token token",
		Write: `session_token = env("AWS_SESSION_TOKEN")`,
	},
	{At: "output.s3", Names: "s3_region aws_region", Write: `region = "eu-central-1"`},
	{
		At:    "output.s3",
		Names: "endpoint_url s3_endpoint url host",
		Write: `endpoint = "http://127.0.0.1:9000"`,
	},
	{
		At:    "output.s3",
		Names: "force_path_style s3_force_path_style use_path_style",
		Write: `path_style = true`,
	},
	{
		At:    "output.s3",
		Names: "role role_arn assume_role_arn sts_role_arn",
		Write: `assume_role { arn = "arn:aws:iam::123456789012:role/logs" }`,
	},
	{
		At:    "output.s3",
		Names: "server_side_encryption sse kms_key_id ssekms_key_id use_server_side_encryption kms_key",
		Write: "encryption {\n  type       = \"aws:kms\"\n  kms_key_id = \"alias/logs\"\n}",
	},
	{
		At:    "output.gcs",
		Names: "credentials key_file keyfile json_key json_keyfile credentials_path service_account credential_file",
		Write: `credentials_file = "/etc/penstock/gcs.json"`,
	},
	{
		At:    "output.s3 output.gcs",
		Names: "s3_bucket bucket_name gcs_bucket",
		Write: `bucket = "acme-lake"`,
	},
	{
		At:    "output.s3 output.gcs",
		Names: "folder key_prefix path_prefix prefix_path s3_path base_path",
		Write: `prefix = "raw"`,
	},
	{
		At:    archives,
		Names: "partition_by partitioning partitions partition",
		Write: `path = "${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"`,
	},
	{
		At:    archives,
		Names: "key object_key key_format s3_key_format s3_object_key_format object_name filename filename_format",
		Write: `file_name = "${log}_${start}-${end}${ext}"`,
		Why:   "What stands before the name is path.",
	},
	{
		At:    archives,
		Names: "flush_interval interval every timekey batch_timeout_secs rotate rotation upload_timeout batch_timeout upload_interval roll_interval",
		Write: `roll { age = "1h" }`,
	},
	{
		At:    archives,
		Names: "total_file_size batch_max_bytes file_size max_size batch_size max_file_size upload_chunk_size chunk_limit_size roll_size size",
		Write: `roll { size = "128MiB" }`,
	},
	{At: archives, Names: "roll_count batch_max_events max_events max_records", Write: `roll { records = 1000000 }`},
	{
		At:    archives,
		Block: "roll",
		Names: "every interval period time timeout max_age minutes hourly",
		Write: `age = "1h"`,
	},
	{At: archives, Block: "roll", Names: "max_size bytes file_size", Write: `size = "128MiB"`},
	{
		At:    archives,
		Block: "roll",
		Names: "count rows events max_records max_events",
		Write: `records = 1000000`,
	},
	{At: archives, Block: "roll", Names: "idle_timeout quiet", Write: `idle = "10m"`},
	{At: archives, Names: "store_as codec compress", Write: `compression = "gzip"`},
	{
		At:    archives,
		Names: "time_field timestamp timestamp_field time_key event_time timestamp_name",
		Write: `time { field = "ts" }`,
	},
	{At: archives, Block: "time", Names: "name key", Write: `field = "ts"`},
	{
		At:    archives,
		Block: "time",
		Names: "pattern time_format layout",
		Write: `format = "%Y-%m-%dT%H:%M:%S"`,
	},
	{At: archives, Names: "file_format output_format encoding encoding_codec writer", Write: `format "ndjson" {}`},
	{
		At:    archives,
		Names: "format",
		Value: "json jsonl json_lines jsonlines",
		Write: `format "ndjson" {}`,
	},
	{
		At:    archives,
		Names: "format",
		Value: "text lines plain single_value",
		Write: `format "raw" {}`,
	},
	{
		At:    archives,
		Names: "format",
		Value: "csv tsv",
		Write: "format \"delimited\" {\n  column \"time\" {}\n  column \"message\" {}\n}",
	},
	{At: archives, Names: "format", Value: "orc sequencefile", Write: `format "parquet" {}`},
	{At: archives, Names: "_success success_file finalizer", Write: `success { grace = "15m" }`},
	{At: "output.local", Names: "path_prefix dir folder", Write: `directory = "/var/lib/lake"`},

	// Tail.
	{
		At:    "input.tail",
		Names: "include include_path files file globs filename filenames path_glob",
		Write: `paths = ["/var/log/app/*.log"]`,
	},
	{
		At:    "input.tail",
		Names: "format parser parse codec decoding decoder parsers",
		Write: "filter \"parse\" \"app\" { format = \"json\" }",
		Why:   "Lines are passed on as they are; a filter of the pipeline takes them apart.",
		Apart: true,
	},
	{
		At:    "input.tail",
		Names: "pos_file db state_file position_file positions sincedb_path registry_file registry",
		Why:   "Remove it: positions are kept below agent.data_dir.",
	},
	{
		At:    "input.tail",
		Names: "read_from_head read_from from_head from_beginning start_position start begin initial_position tail_files",
		Write: `start_at = "beginning"`,
	},
	{
		At:    "input.tail",
		Names: "start_at",
		Value: "head start first top oldest",
		Write: `start_at = "beginning"`,
	},
	{
		At:    "input.tail",
		Names: "start_at",
		Value: "tail last newest latest",
		Write: `start_at = "end"`,
	},
	{
		At:    "input.tail",
		Names: "refresh_interval scan_frequency discover_interval stat_interval glob_minimum_cooldown",
		Write: `rescan_interval = "10s"`,
	},
	{
		At:    "input.tail",
		Names: "exclude_path exclude_files exclude_paths ignore skip",
		Write: `exclude = ["/var/log/app/debug.log"]`,
	},
	{
		At:    "input.tail",
		Names: "multiline_pattern multiline_start multi_line multiline_parser format_firstline",
		Write: `multiline { start = "^[0-9]{4}-" }`,
	},
	{
		At:    "input.tail",
		Block: "multiline",
		Names: "pattern start_pattern firstline first_line format_firstline begin",
		Write: `start = "^[0-9]{4}-"`,
	},
	{
		At:    "input.tail",
		Block: "multiline",
		Names: "flush_interval flush_timeout timeout_ms",
		Write: `timeout = "1s"`,
	},
	{
		At:    "input.tail",
		Block: "multiline",
		Names: "preset parser parsers language languages lang stacktrace builtin",
		Write: `presets = ["java", "python"]`,
	},
	{
		At:    "input.tail",
		Block: "multiline",
		Names: "end_pattern last_line lastline ends halt_with flush_pattern",
		Write: `end = ";$"`,
	},
	{
		At:    "input.tail",
		Names: "line_delimiter line_terminator line_separator record_delimiter event_delimiter separator",
		Write: `delimiter = "\n--\n"`,
	},
	{At: "input.tail", Names: "path_key file_key filename_key", Write: `path_header = "path"`},
	{At: "input.tail", Names: "offset_key", Write: `offset_header = "offset"`},
	{
		At:    "input.tail",
		Names: "max_line max_line_bytes max_bytes buffer_max_size message_max_bytes",
		Write: `max_line_size = "1MiB"`,
	},
	{At: "input.tail", Names: "skip_long_lines", Write: `long_lines = "skip"`},
	{At: "input.tail", Names: "skip_empty_lines ignore_empty", Write: `empty_lines = "skip"`},
	{
		At:    "input.tail",
		Names: "tag_regex path_regex",
		Write: `path_pattern = "^/var/log/(?P<app>[^/]+)/"`,
	},
	{
		At:    "input.tail",
		Names: "ignore_older_secs ignore_older_than max_age max_file_age limit_recently_modified",
		Write: `ignore_older = "24h"`,
	},
	{
		At:    "input.tail",
		Names: "remove_after_secs remove_after delete_after delete_policy file_completed_action",
		Write: `after_read = "delete"`,
	},
	{At: "input.tail", Names: "docker_mode cri docker", Write: `container = true`},
	{At: "input.tail", Names: "charset from_encoding", Write: `encoding = "latin-1"`},

	// Servers.
	{
		At:    "input.syslog",
		Names: "port bind address host protocol mode protocol_type",
		Write: `listen = ["udp://0.0.0.0:514", "tcp://0.0.0.0:514"]`,
	},
	{
		At:    "input.syslog",
		Names: "listen",
		Value: "*",
		Write: `listen = ["udp://0.0.0.0:514", "tcp://0.0.0.0:514"]`,
	},
	{
		At:    "input.syslog",
		Names: "buffer_size max_bytes buffer_max_size max_length",
		Write: `max_message_size = "64KiB"`,
	},
	{At: servers, Names: "port bind host address addr", Write: `listen = "0.0.0.0:24224"`},
	{
		At:    "input.http input.forward input.tcp input.syslog",
		Names: "ssl cert_file key_file cert certificate transport",
		Write: "tls {\n  cert_file = \"/etc/penstock/server.pem\"\n  key_file  = \"/etc/penstock/server.key\"\n}",
	},
	{
		At:    "input.http input.forward input.tcp input.syslog",
		Block: "tls",
		Names: "cert crt certificate",
		Write: `cert_file = "/etc/penstock/server.pem"`,
	},
	{
		At:    "input.http input.forward input.tcp input.syslog",
		Block: "tls",
		Names: "key private_key",
		Write: `key_file = "/etc/penstock/server.key"`,
	},
	{
		At:    "input.http input.forward input.tcp input.syslog",
		Block: "tls",
		Names: "ca ca_file client_ca client_ca_path",
		Write: `client_ca_file = "/etc/penstock/clients.pem"`,
	},
	{
		At:    "input.http",
		Names: "token tokens api_key bearer authorization",
		Write: `auth { tokens = [env("HTTP_TOKEN")] }`,
	},
	{
		At:    "input.http",
		Block: "auth",
		Names: "token api_key bearer",
		Write: `tokens = [env("HTTP_TOKEN")]`,
	},
	{
		At:    "input.http",
		Block: "auth",
		Names: "username users password basic",
		Write: `user "me" { password = env("HTTP_PASSWORD") }`,
	},
	{
		At:    "input.http",
		Names: "body_size_limit max_request_size client_max_body_size",
		Write: `max_body_size = "32MiB"`,
	},
	{
		At:    "input.forward",
		Names: "shared_key secret key security_key",
		Write: `security { shared_key = env("SHARED_KEY") }`,
	},
	{At: "input.exec", Names: "cmd program exec run", Write: `command = ["df", "-h"]`},
	{At: "input.exec", Names: "run_interval interval_sec every schedule", Write: `interval = "1m"`},

	// Other outputs.
	{
		At:    "output.elasticsearch",
		Names: "hosts host endpoints endpoint url address addresses nodes port",
		Write: `urls = ["https://es-1:9200"]`,
	},
	{
		At:    "output.elasticsearch",
		Names: "index_name indices logstash_prefix bulk_index",
		Write: `index = "app-logs"`,
	},
	{
		At:    "output.elasticsearch",
		Names: "logstash_format logstash_dateformat",
		Write: `index = "logstash-${strftime("%Y.%m.%d")}"`,
	},
	{
		At:    "output.elasticsearch output.http",
		Names: "username http_user auth_user",
		Write: `user = "me"`,
	},
	{
		At:    "output.elasticsearch output.http",
		Names: "passwd http_passwd http_password",
		Write: `password = env("PASSWORD")`,
	},
	{At: "output.elasticsearch", Names: "id id_key document_id", Write: `id_header = "id"`},
	{At: "output.elasticsearch", Names: "include_tag_key tag_key", Write: `tag_field = "tag"`},
	{
		At:    "output.elasticsearch",
		Names: "time_key include_timestamp",
		Write: `timestamp_field = "@timestamp"`,
	},
	{
		At:    "output.elasticsearch",
		Names: "op_type bulk_action write_operation action",
		Write: `operation = "create"`,
	},
	{
		At:    "output.elasticsearch",
		Names: "type_name doc_type suppress_type_name",
		Why:   "Remove it: Elasticsearch has no types any more.",
	},
	{
		At:    "output.http",
		Names: "uri endpoint address host urls",
		Write: `url = "https://logs.example.org/ingest"`,
	},
	{At: "output.http", Names: "http_method verb", Write: `method = "POST"`},
	{At: "output.http", Names: "encoding encoding_codec body_format codec", Write: `format = "ndjson"`},
	{At: "output.http", Names: "auth auth_token bearer bearer_token api_key", Write: `token = env("TOKEN")`},
	{
		At:    "output.forward",
		Names: "host hosts servers address port upstream nodes",
		Write: `server "tron" { address = "tron:24224" }`,
	},
	{
		At:    "output.forward",
		Block: "server",
		Names: "host url name",
		Write: `address = "tron:24224"`,
	},
	{At: "output.forward", Names: "secret security", Write: `shared_key = env("SHARED_KEY")`},
	{At: "output.forward", Names: "username", Write: `user = "me"`},
	{At: "output.forward", Names: "require_ack_response ack acks", Write: `require_ack = true`},
	{At: "output.forward", Names: "compress", Write: `compression = "gzip"`},
	{At: "output.forward", Names: "transport", Write: `tls { ca_file = "/etc/ssl/ca.pem" }`},
	{
		At:    "output.file",
		Names: "file filename directory dir",
		Write: `path = "/var/log/penstock/out.log"`,
	},
	{At: "output.file", Names: "max_size size rotate_size", Write: `rotate { size = "128MiB" }`},
	{
		At:    "output.file output.stdout",
		Names: "format",
		Value: "json jsonl",
		Write: `format = "ndjson"`,
	},

	// Filters.
	{At: "filter.drop", Names: "condition when", Write: `if = "field.level == 'debug'"`},
	{At: "filter.grep", Names: "regex regexp regexp1 pattern match keep", Write: `include = ["error"]`},
	{At: "filter.grep", Names: "drop discard reject not_match exclude1", Write: `exclude = ["debug"]`},
	{At: "filter.grep", Names: "key key_name", Write: `field = "level"`},
	{
		At:    "filter.parse",
		Names: "regex regexp expression",
		Write: `pattern = "^(?P<level>[A-Z]+) (?P<message>.*)$"`,
	},
	{At: "filter.parse", Names: "key key_name source_field", Write: `field = "message"`},
	{At: "filter.parse", Names: "format", Value: "regexp re", Write: `format = "regex"`},
	{
		At:    "filter.add_fields",
		Names: "record field add values",
		Write: `fields = { host = "${agent}" }`,
	},
	{
		At:    "filter.remove_fields",
		Names: "remove keys remove_keys field",
		Write: `fields = ["password"]`,
	},
	{
		At:    "filter.remove_fields",
		Names: "regex pattern patterns match wildcard prefix remove_wildcard remove_regex",
		Write: `matching = ["^tmp_"]`,
	},
	{At: "filter.rename_tag", Names: "tag new_tag rewrite", Write: `to = "app.${tag[1]}"`},
	{At: "filter.sample", Names: "rate ratio percentage percent", Write: `keep = 0.1`},
}
