package config

// foreignOutputs is what outputs of other tools are told.
var foreignOutputs = []ForeignName{
	{
		At:    "input.kafka output.kafka",
		Block: "sasl",
		Names: "enabled enable",
		Why:   "Remove it: the block turns SASL on.",
	},
	{
		At:    "output.kafka",
		Names: "batch",
		Write: `batch_max_bytes = "1MB"`,
		Why:   "How long a batch is waited for is linger.",
	},
	{
		At:    "output.kafka",
		Names: "bulk_max_size max_request_bytes flume_batch_size",
		Write: `batch_max_bytes = "1MB"`,
	},
	{
		At:    "output.kafka",
		Names: "bulk_flush_frequency queue_buffering_max_ms",
		Write: `linger = "5ms"`,
	},
	{
		At:    "output.kafka",
		Names: "default_partition_key default_partition_id partition_id_header partitions_auto partitions_use_fixed",
		Write: `partitioner = "hash"`,
		Why:   "The record's key decides then, which key = \"${field.NAME}\" sets.",
	},
	{
		At:    "output.kafka",
		Names: "dyna_topic template allow_topic_override",
		Write: `topic = "app-${tag[1]}"`,
	},
	{
		At:    "output.kafka",
		Names: "buffer_memory queue_buffering_max_kbytes queue_full_retries",
		Write: `buffer_bytes = "64MiB"`,
	},
	{
		At:    "output.kafka",
		Names: "headers_from_record header headers_key",
		Write: `filter "set" "more" { headers = { user = "field.user" } }`,
		Why:   "Headers are set by a filter of the pipeline; headers = { } of the output are the same for all.",
		Apart: true,
	},
	{
		At:    "output.kafka",
		Names: "use_event_time timestamp_key timestamp_field timestamp_format",
		Write: `filter "time" "ts" { field = "ts" }`,
		Why:   "Records keep their time in Kafka; a filter of the pipeline takes it from a field.",
		Apart: true,
	},
	{
		At:    "output.kafka",
		Names: "exclude_topic_key exclude_message_key raw_log_key use_flume_event_format output_include_tag",
		Why:   "Remove it: values go as they are. A filter changes them.",
	},
	{
		At:    "output.kafka",
		Names: "max_send_retries discard_kafka_delivery_failed resubmit_on_failure keep_failed_messages failed_msg_file acknowledgements",
		Why:   "Remove it: what Kafka does not take is tried again for ever, or goes where failover says; nothing is discarded.",
	},
	{
		At:    "output.kafka",
		Names: "worker rate_limit_num keep_alive healthcheck version close_timeout send_buffer_bytes",
		Why:   "Remove it: it is done by itself. How much is under way is max_in_flight and buffer_bytes.",
	},
	{
		At:    "output.kafka",
		Names: "broker_timeout socket_timeout_ms request_timeout_ms",
		Write: `request_timeout = "10s"`,
	},
	{
		At:    "output.s3 output.gcs output.local",
		Names: "auto_create_bucket check_bucket check_object check_apikey_on_start healthcheck validate_credentials_on_root_bucket",
		Why:   "Remove it: penstock validate --online looks at buckets. They are made by you.",
	},
	{
		At:    "output.s3 output.gcs output.local",
		Names: "store_dir temporary_directory temp_directory store_dir_limit_size buffer_path",
		Write: `spool { disk = "8GiB" }`,
		Why:   "It lies below agent.data_dir.",
	},
	{
		At:    "output.s3 output.gcs output.local",
		Names: "overwrite append restore use_put_object preserve_data_ordering auto_retry_requests hex_random_length filename_append_uuid index_format",
		Why:   "Remove it: an object is named by what it holds, so that a retry overwrites it with the same.",
	},
	{
		At:    "output.s3 output.gcs output.local",
		Names: "log_key framing message_key raw_log_key",
		Why:   "Remove it: values are stored as they are with format \"raw\" {}.",
	},
	{
		At:    "output.s3 output.gcs output.local",
		Names: "object_key_format s3_key_format_tag_delimiters static_file_path date_pattern filename_time_format filename_extension log_file_prefix time_slice_format",
		Write: `path = "${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}"`,
		Why:   "The name of the file itself is file_name.",
	},
	{
		At:    "output.s3 output.gcs output.local",
		Names: "rotation_strategy size_file max_file_size_kbytes",
		Write: `roll { size = "128MiB" }`,
	},
	{
		At:    "output.s3 output.gcs output.local",
		Names: "time_file flush_interval_secs uploader_interval_secs max_file_age_seconds",
		Write: `roll { age = "1h" }`,
	},
	{
		At:    "output.s3 output.gcs output.local",
		Names: "gzip",
		Write: `compression = "gzip"`,
	},
	{
		At:    "output.s3 output.gcs",
		Names: "retry_limit max_retries retries",
		Write: `max_attempts = 3`,
		Why:   "These are those of one request: an archive goes on trying for ever.",
	},
	{
		At:    "output.s3 output.gcs output.local",
		Names: "num_threads workers upload_workers_count threads",
		Write: `upload { parallel = 4 }`,
	},
	{
		At:    "output.s3 output.gcs output.local",
		Names: "batch",
		Write: `roll { size = "128MiB" }`,
	},
	{
		At:    "output.s3",
		Names: "canned_acl grant_full_control",
		Write: `acl = "bucket-owner-full-control"`,
	},
	{
		At:    "output.s3",
		Names: "shared_credentials instance_profile_credentials auth credentials",
		Why:   "Remove it: the usual places of AWS are looked at; profile and assume_role { } choose.",
	},
	{
		At:    "output.s3",
		Names: "assume_role_credentials",
		Write: `assume_role { arn = "arn:aws:iam::123456789012:role/logs" }`,
	},
	{
		At:    "output.s3",
		Names: "proxy_uri proxy",
		Why:   "Remove it: HTTPS_PROXY in the environment names a proxy.",
	},
	{
		At:    "output.s3",
		Names: "sse_customer_key sse_customer_algorithm",
		Why:   "There are no keys of customers (SSE-C): encryption { type = \"aws:kms\" } is by KMS.",
	},
	{
		At:    "output.s3",
		Names: "content_type content_encoding send_content_md5 signature_version use_bundled_cert warn_for_delay",
		Why:   "Remove it: it is set by itself.",
	},
	{
		At:    "output.gcs",
		Names: "project project_id",
		Why:   "Remove it: a bucket is found by its name. Who pays for requests is user_project.",
	},
	{
		At:    "output.gcs",
		Names: "credentials_json json_key_file api_key",
		Write: `credentials_file = "/etc/penstock/gcs.json"`,
	},
	{
		At:    "output.gcs",
		Names: "encryption_key",
		Write: `kms_key = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"`,
	},
	{
		At:    "output.gcs",
		Names: "blob_transcoding metadata content_type",
		Why:   "Remove it: it is set by itself.",
	},
	{
		At:    "output.forward",
		Names: "ack_response_timeout",
		Write: `ack_timeout = "30s"`,
	},
	{
		At:    "output.forward",
		Names: "time_as_integer",
		Write: `time_format = "v1.5"`,
	},
	{
		At:    "output.forward",
		Names: "heartbeat_type",
		Write: `heartbeat = "transport"`,
	},
	{
		At:    "output.forward",
		Names: "phi_threshold",
		Write: `hard_timeout = "60s"`,
	},
	{
		At:    "output.forward",
		Names: "tag",
		Write: `filter "rename_tag" "more" { to = "edge.${tag}" }`,
		Why:   "Records go with their tag; a filter of the pipeline changes it.",
		Apart: true,
	},
	{
		At:    "output.forward",
		Names: "expire_dns_cache dns_round_robin verify_connection_at_startup ignore_network_errors_at_startup send_options empty_shared_key",
		Why:   "Remove it: names are looked up at each connection, and a server that is down is no mistake at the start.",
	},
	{
		At:    "output.http",
		Names: "json_array",
		Write: `format = "json"`,
	},
	{
		At:    "output.http",
		Names: "bulk batch batch_size pool_max",
		Write: `window { bytes = "16MiB" }`,
		Why:   "A request holds a batch of the buffer.",
	},
	{
		At:    "output.http",
		Names: "retryable_response_codes error_response_as_unrecoverable ignorable_codes",
		Write: `refused_on = ["400", "413", "422"]`,
	},
	{
		At:    "output.http",
		Names: "open_timeout read_timeout ssl_timeout connect_timeout request_timeout",
		Write: `timeout = "30s"`,
	},
	{
		At:    "output.http",
		Names: "body_key mapping message payload_prefix json_date_key json_date_format gelf_timestamp_key header_tag",
		Why:   "Remove it: a filter of the pipeline makes the value; envelope = true adds time, tag, key and headers.",
	},
	{
		At:    "output.http",
		Names: "proxy",
		Why:   "Remove it: HTTPS_PROXY in the environment names a proxy.",
	},
	{
		At:    "output.http",
		Names: "aws_auth aws_service",
		Why:   "There are no signatures of AWS: use output s3, or a token.",
	},
	{
		At:    "output.http",
		Names: "port",
		Write: `url = "https://logs.example.org:8080/ingest"`,
	},
	{
		At:    "output.elasticsearch",
		Names: "scheme protocol path",
		Write: `urls = ["https://es-1:9200"]`,
	},
	{
		At:    "output.elasticsearch",
		Names: "ssl cacert ssl_verify client_cert ca_file ssl_certificate_verification",
		Write: `tls { ca_file = "/etc/ssl/es-ca.pem" }`,
	},
	{
		At:    "output.elasticsearch",
		Names: "request_timeout",
		Write: `timeout = "30s"`,
	},
	{
		At:    "output.elasticsearch",
		Names: "cloud_id",
		Write: `urls = ["https://DEPLOYMENT.es.REGION.aws.cloud.es.io:443"]`,
	},
	{
		At:    "output.elasticsearch",
		Names: "cloud_auth",
		Write: `user = "me"`,
		Why:   "Its password is password = env(\"PASSWORD\").",
	},
	{
		At:    "output.elasticsearch",
		Names: "bulk_max_size bulk_message_request_threshold bulk",
		Write: `window { bytes = "16MiB" }`,
		Why:   "A request holds a batch of the buffer.",
	},
	{
		At:    "output.elasticsearch",
		Names: "manage_template template template_name setup ilm_enabled api_version reload_connections reconnect_on_error loadbalance worker sniffing trace_output replace_dots",
		Why:   "Remove it: templates and their like are made once, by you; servers take turns by themselves.",
	},
	{
		At:    "output.elasticsearch",
		Names: "data_stream mode",
		Write: `operation = "create"`,
		Why:   "The name of the data stream is index.",
	},
	{
		At:    "output.elasticsearch",
		Names: "current_time_index",
		Write: `index = "logstash-${strftime("%Y.%m.%d")}"`,
	},
	{
		At:    "output.elasticsearch",
		Names: "doc_as_upsert parameters",
		Why:   "There is nothing like it: operation is index or create.",
	},
	{
		At:    "output.local",
		Names: "permissions",
		Write: `file_mode = "0640"`,
	},
	{
		At:    "output.file",
		Names: "permissions file_mode dir_mode",
		Why:   "Remove it: files have 0640 and directories 0750, less the umask.",
	},
	{
		At:    "output.file",
		Names: "number_of_files max_files keep_files backups",
		Write: `rotate { keep = 7 }`,
	},
	{
		At:    "output.file",
		Names: "codec template encoding",
		Write: `format = "ndjson"`,
	},
	{
		At:    "output.file",
		Names: "gzip compression compress",
		Write: `rotate { compress = true }`,
		Why:   "A file is compressed once it is rotated.",
	},
	{
		At:    "output.file",
		Names: "append symlink_path create_if_deleted flush_interval",
		Why:   "Remove it: a file is appended to, and made again when somebody has moved it.",
	},
	{
		At:    "output.stdout",
		Names: "codec encoding json_date_key",
		Write: `format = "ndjson"`,
	},
	{
		At:    "output.stdout",
		Names: "target",
		Why:   "Remove it: it is standard output; the agent's own log is on standard error.",
	},
}
