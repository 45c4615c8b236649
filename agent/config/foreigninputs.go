package config

// parserNames are names for how lines are written, which an input here does not ask.
const (
	parserNames = "format parser parse codec decoding decoder parsers format_type message_format"
	parserWhy   = "Lines are passed on as they are; a filter of the pipeline takes them apart."
)

// foreignInputs is what inputs of other tools are told.
var foreignInputs = []ForeignName{
	{
		At:    "input.tail input.exec input.tcp input.udp input.stdin",
		Names: parserNames,
		Value: "nginx nginx_access",
		Write: `filter "parse" "app" { format = "nginx" }`,
		Why:   parserWhy,
		Apart: true,
	},
	{
		At:    "input.tail input.exec input.tcp input.udp input.stdin",
		Names: parserNames,
		Value: "apache apache2 apache_error combined httpd apache_combined apache_log combinedapachelog",
		Write: `filter "parse" "app" { format = "apache_combined" }`,
		Why:   parserWhy,
		Apart: true,
	},
	{
		At:    "input.tail input.exec input.tcp input.udp input.stdin",
		Names: parserNames,
		Value: "syslog syslog_rfc3164 syslog_rfc5424 rfc3164 rfc5424",
		Write: `filter "parse" "app" { format = "syslog" }`,
		Why:   parserWhy,
		Apart: true,
	},
	{
		At:    "input.tail input.exec input.tcp input.udp input.stdin",
		Names: parserNames,
		Value: "logfmt kv key_value ltsv",
		Write: `filter "parse" "app" { format = "logfmt" }`,
		Why:   parserWhy,
		Apart: true,
	},
	{
		At:    "input.tail input.exec input.tcp input.udp input.stdin",
		Names: parserNames,
		Value: "csv tsv delimited",
		Write: `filter "parse" "app" {
  format  = "csv"
  columns = ["time", "level", "message"]
}`,
		Why:   parserWhy,
		Apart: true,
	},
	{
		At:    "input.tail input.exec input.tcp input.udp input.stdin",
		Names: parserNames,
		Value: "regexp regex grok /*",
		Write: `filter "parse" "app" {
  format  = "regex"
  pattern = "^(?P<level>[A-Z]+) (?P<message>.*)$"
}`,
		Why:   parserWhy,
		Apart: true,
	},
	{
		At:    "input.tail",
		Names: parserNames,
		Value: "docker cri containerd",
		Write: `container = true`,
	},
	{
		At:    "input.tail input.exec input.tcp input.udp input.stdin",
		Names: parserNames,
		Value: "none raw plain text single_line string bytes",
		Why:   "Remove it: lines pass as they are.",
	},
	{
		At:    "input.tail",
		Block: "multiline",
		Names: "negate match condition_pattern type what mode",
		Why:   "Write start for what an event begins with, continue for lines that belong to the one before, end for what it ends with: each is a regular expression.",
	},
	{
		At:    "input.tail",
		Names: "pos_file_compaction_interval db_sync db_locking sincedb_write_interval persist_state_interval fresh_start_tail",
		Why:   "Remove it: positions are stored with the records, below agent.data_dir.",
	},
	{
		At:    "input.tail",
		Names: "mem_buf_limit buffer_chunk_size storage_type harvester_buffer_size read_bytes_limit_per_second read_lines_limit max_read_bytes throttle",
		Why:   "Remove it: files are read as fast as the buffer takes lines; how much waits there is said by buffer { max_size = \"8GiB\" } of the pipeline.",
	},
	{
		At:    "input.tail",
		Names: "harvester_limit file_groups filegroups group max_open",
		Write: `max_open_files = 1024`,
	},
	{
		At:    "input.tail",
		Names: "glob_minimum_cooldown_ms clean_removed close_removed close_renamed clean_inactive",
		Why:   "Remove it: a file that is renamed or deleted is read to its end, and forgotten after forget_after.",
	},
	{
		At:    "input.tail",
		Names: "close_older close_eof",
		Write: `close_inactive = "5m"`,
	},
	{
		At:    "input.tail",
		Names: "fingerprint file_identity follow_inodes",
		Why:   "Remove it: files are told by inode and by what they begin with.",
	},
	{
		At:    "input.tail",
		Names: "multi_line_timeout multiline_flush_interval",
		Write: `multiline { start = "^[0-9]{4}-" }`,
		Why:   "How long it waits is timeout in that block.",
	},
	{
		At:    "input.tail",
		Names: "read_mode startmsg_regex",
		Write: `multiline { start = "^[0-9]{4}-" }`,
	},
	{
		At:    "input.tail",
		Names: "exclude_lines",
		Write: `filter "grep" "errors" { exclude = ["debug"] }`,
		Why:   "Which lines pass is said by a filter of the pipeline.",
		Apart: true,
	},
	{
		At:    "input.tail",
		Names: "include_lines",
		Write: `filter "grep" "errors" { include = ["error"] }`,
		Why:   "Which lines pass is said by a filter of the pipeline.",
		Apart: true,
	},
	{
		At:    "input.tail",
		Names: "fields fields_under_root add_field labels add_fields static_labels",
		Write: `filter "add_fields" "more" { fields = { env = "prod" } }`,
		Why:   "Fields are added by a filter of the pipeline.",
		Apart: true,
	},
	{
		At:    "input.tail",
		Names: "json ndjson json_keys_under_root pipeline_stages",
		Write: `filter "parse" "app" { format = "json" }`,
		Why:   "A filter of the pipeline takes lines apart; JSON that passes as it is needs none.",
		Apart: true,
	},
	{
		At:    "input.tail",
		Names: "symlinks symlink",
		Why:   "Remove it: symbolic links are followed, and a file is read once by however many names.",
	},
	{
		At:    "input.tail",
		Names: "host_key hostname_key",
		Write: `filter "add_fields" "host" { fields = { host = "${agent}" } }`,
		Why:   "The name of the agent is agent in templates.",
		Apart: true,
	},
	{
		At:    "input.tail",
		Names: "file_header file_header_key add_file_path",
		Write: `path_header = "path"`,
	},
	{
		At:    "input.tail",
		Names: "spool_dir deserializer",
		Write: `paths = ["/var/spool/app/*.log"]`,
		Why:   "Files are read and left as they are, unless after_read says otherwise.",
	},
	{
		At:    "input.tail",
		Names: "skip_header skip_header_lines",
		Why:   "There is nothing like it: a filter grep with exclude leaves lines out.",
	},
	{
		At:    "input.tail",
		Names: "enable_watch_timer enable_stat_watcher inotify_watcher reopen_on_truncate open_on_every_update",
		Write: `watch = "auto"`,
	},
	{
		At:    "input.tail",
		Names: "oldest_first ignore_not_found emit_unmatched_lines unmatched_lines ignore_repeated_permission_error threaded max_lines_at_once input_name",
		Why:   "Remove it: it is so by itself.",
	},
	{
		At:    "input.tail",
		Names: "severity facility",
		Why:   "Remove it: a tag says where lines come from.",
	},
	{
		At:    "input.kafka",
		Names: "poll_ms max_poll_records max_poll_interval_ms drain_timeout_ms commit_interval_ms auto_commit_interval_ms",
		Why:   "Remove it: what is read waits for its output, and its position is committed then.",
	},
	{
		At:    "input.kafka",
		Names: "fetch_max_bytes max_partition_fetch_bytes receive_message_max_bytes max_bytes",
		Write: `fetch_bytes = "2MiB"`,
	},
	{
		At:    "input.kafka",
		Names: "fetch_max_wait_ms max_wait_time fetch_wait_max_ms fetch_min_bytes",
		Write: `fetch_wait = "100ms"`,
	},
	{
		At:    "input.kafka",
		Names: "key_field headers_key topic_key partition_key offset_key decorate_events",
		Why:   "Remove it: records keep key and headers, their tag is the topic, and archives know topic, partition and offset.",
	},
	{
		At:    "input.kafka",
		Names: "partition_assignment_strategy assignor rebalance_strategy",
		Write: `protocol = "auto"`,
		Why:   "Classic groups are cooperative and sticky.",
	},
	{
		At:    "input.kafka",
		Names: "partitions partition",
		Why:   "Remove it: the group says which partitions a member reads.",
	},
	{
		At:    "input.kafka",
		Names: "zookeeper_connect",
		Write: `brokers = ["kafka-1:9092", "kafka-2:9092"]`,
	},
	{
		At:    "input.kafka",
		Names: "concurrency",
		Why:   "Remove it: one member reads all of its partitions at once.",
	},
	{
		At:    "input.kafka output.kafka",
		Names: "librdkafka_options rdkafka conf_param properties",
		Why:   "There are no options of another client here: penstock help output.kafka lists what there is.",
	},
	{
		At:    "input.kafka output.kafka",
		Names: "ssl_truststore_location truststore keystore ssl_keystore_location ssl_keystore_password ssl_truststore_password ssl_cafile ssl_ca_certs",
		Write: `tls { ca_file = "/etc/ssl/kafka-ca.pem" }`,
		Why:   "Files are PEM: keytool -exportcert -rfc, or openssl pkcs12 -nokeys, turns a store into it.",
	},
	{
		At:    "input.kafka output.kafka",
		Names: "ssl_client_cert_key ssl_key_location ssl_certificate_location ssl_certificate ssl_key",
		Write: `tls {
  cert_file = "/etc/penstock/client.pem"
  key_file  = "/etc/penstock/client.key"
}`,
	},
	{
		At:    "input.kafka output.kafka",
		Names: "ssl_verify_hostname ssl_endpoint_identification_algorithm",
		Why:   "Remove it: the name of a broker is always verified; tls { server_name = \"kafka.example.com\" } expects another.",
	},
	{
		At:    "input.kafka output.kafka",
		Names: "keytab kerberos kerberos_config sasl_jaas_config sasl_kerberos_service_name",
		Why:   "There is no Kerberos: use SCRAM, OAUTHBEARER or client certificates.",
	},
	{
		At:    "input.forward",
		Names: "source_hostname_key source_address_key resolve_hostname",
		Why:   "Remove it: who sent a record is its origin, a name in templates and expressions.",
	},
	{
		At:    "input.forward",
		Names: "users user user_auth auth authentication basic_auth",
		Write: `security {
  shared_key = env("SHARED_KEY")
  user_auth  = true
  user "me" { password = env("FORWARD_PASSWORD") }
}`,
	},
	{
		At:    "input.forward",
		Names: "chunk_size_limit buffer_max_size buffer_chunk_size chunk_size_warn_limit",
		Write: `max_message_size = "64MiB"`,
	},
	{
		At:    "input.forward",
		Names: "add_tag_prefix",
		Write: `tag_prefix = "edge"`,
	},
	{
		At:    "input.forward",
		Names: "unix_path unix_perm",
		Write: `listen = "unix:///run/penstock.sock"`,
	},
	{
		At:    "input.forward",
		Names: "skip_invalid_event linger_timeout deny_keepalive send_keepalive_packet blocking_timeout require_ack_response",
		Why:   "Remove it: a chunk is acknowledged once it is on disk, to every client that asks.",
	},
	{
		At:    "input.http",
		Names: "cors_allow_origins",
		Write: `cors_origins = ["https://app.example.org"]`,
	},
	{
		At:    "input.http",
		Names: "hec_token splunk_token valid_tokens",
		Write: `auth { tokens = [env("HTTP_TOKEN")] }`,
	},
	{
		At:    "input.http",
		Names: "user password username users",
		Write: `auth { user "me" { password = env("HTTP_PASSWORD") } }`,
	},
	{
		At:    "input.http",
		Names: "ssl_certificate ssl_key tls_cert tls_key",
		Write: `tls {
  cert_file = "/etc/penstock/server.pem"
  key_file  = "/etc/penstock/server.key"
}`,
	},
	{
		At:    "input.http",
		Names: "format codec decoding encoding framing parser",
		Why:   "Remove it: the path and the Content-Type of a request say what it holds.",
	},
	{
		At:    "input.http",
		Names: "path url strict_path method response_code successful_response_code",
		Why:   "Remove it: lines and JSON come to /TAG, others to the paths of their protocols.",
	},
	{
		At:    "input.http",
		Names: "tag_key path_key",
		Why:   "Remove it: the path of a request is the tag.",
	},
	{
		At:    "input.http",
		Names: "keepalive_timeout",
		Write: `idle_timeout = "2m"`,
	},
	{
		At:    "input.http",
		Names: "buffer_max_size buffer_chunk_size max_content_length",
		Write: `max_body_size = "32MiB"`,
	},
	{
		At:    "input.http",
		Names: "threads max_pending_requests acknowledgements",
		Why:   "Remove it: a request is answered with 200 once its records are on disk.",
	},
	{
		At:    "input.syslog",
		Names: "message_format parser format codec grok_pattern",
		Why:   "Remove it: RFC 3164 and RFC 5424 are told apart by themselves.",
	},
	{
		At:    "input.syslog",
		Names: "frame_type octet_counting octet_counted_framing",
		Write: `framing = "auto"`,
	},
	{
		At:    "input.syslog",
		Names: "path unix_path unix_perm",
		Write: `listen = ["unixgram:///dev/log"]`,
	},
	{
		At:    "input.syslog",
		Names: "severity_key facility_key source_address_key source_hostname_key keep_all_fields use_labels",
		Why:   "Remove it: a message becomes a JSON object with facility, severity, hostname, app_name and message.",
	},
	{
		At:    "input.syslog",
		Names: "max_size event_size buffer_chunk_size message_length_limit",
		Write: `max_message_size = "64KiB"`,
	},
	{
		At:    "input.syslog",
		Names: "locale time_zone",
		Write: `timezone = "Europe/Berlin"`,
	},
	{
		At:    "input.exec",
		Names: "shell",
		Write: `command = ["sh", "-c", "df -h | tail -1"]`,
	},
	{
		At:    "input.exec",
		Names: "format parser decoding codec keys time_key",
		Write: `filter "parse" "app" { format = "json" }`,
		Why:   "Lines are passed on as they are; a filter of the pipeline takes them apart.",
		Apart: true,
	},
	{
		At:    "input.exec",
		Names: "working_directory cwd",
		Write: `dir = "/var/lib/app"`,
	},
	{
		At:    "input.exec",
		Names: "environment",
		Write: `env = { LANG = "C" }`,
	},
	{
		At:    "input.exec",
		Names: "restart_throttle respawn_on_exit restart respawn_interval_secs",
		Write: `restart_wait = "1s"`,
	},
	{
		At:    "input.exec",
		Names: "mode scheduled streaming oneshot",
		Write: `interval = "1m"`,
		Why:   "Without it a command runs on, and is started again when it ends.",
	},
	{
		At:    "input.exec",
		Names: "log_std_err include_stderr",
		Write: `command = ["sh", "-c", "app 2>&1"]`,
	},
	{
		At:    "input.exec",
		Names: "batch_size batch_timeout",
		Why:   "Remove it: lines travel together as latency_budget of the pipeline says.",
	},
	{
		At:    "input.exec",
		Names: "maximum_buffer_size",
		Write: `max_line_size = "1MiB"`,
	},
	{
		At:    "input.journald",
		Names: "path journal_directory",
		Write: `directory = "/var/log/journal"`,
	},
	{
		At:    "input.journald",
		Names: "filters systemd_filter include_matches filter",
		Write: `matches = ["_TRANSPORT=kernel"]`,
	},
	{
		At:    "input.journald",
		Names: "include_units unit",
		Write: `units = ["nginx.service"]`,
	},
	{
		At:    "input.journald",
		Names: "exclude_units exclude_matches",
		Write: `filter "drop" "quiet" { if = "field.unit == 'cron'" }`,
		Why:   "What is left out is said by a filter of the pipeline.",
		Apart: true,
	},
	{
		At:    "input.journald",
		Names: "read_from_head read_from_tail seek since_now",
		Write: `from = "beginning"`,
	},
	{
		At:    "input.journald",
		Names: "syslog_identifiers identifier",
		Write: `identifiers = ["sshd"]`,
	},
	{
		At:    "input.journald",
		Names: "storage db db_sync cursor cursor_seek_fallback pos_file",
		Why:   "Remove it: the position is kept below agent.data_dir.",
	},
	{
		At:    "input.journald",
		Names: "lowercase strip_underscores max_fields max_entries json labels",
		Why:   "Remove it: an entry becomes a JSON object as journalctl writes it.",
	},
}
