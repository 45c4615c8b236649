# Shows: a node of Kubernetes as a chart ships it, with rules of its owners: pods by relabeling,
# CRI, match by application with json, regex, template, pack, metrics and tenants, limits, two
# clients
agent {
  data_dir = "/var/lib/penstock"
  admin {
    listen = "127.0.0.1:3101"
    # Changed: server.http_listen_port = 3101: the status page and /metrics, on loopback
  }
  # Left out: server.log_level = info: see agent.log
  # Left out: server.log_format = logfmt: see agent.log
  # Left out: server.grpc_listen_port = 0: there is no gRPC
  # Left out: server.graceful_shutdown_timeout = 30s: see agent.stop_timeout
  # Left out: server.register_instrumentation = true: see /metrics
  # Left out: positions.filename = /run/promtail/positions.yaml: positions are kept below data_dir:
  # see penstock import-positions
  # Left out: positions.sync_period = 10s: positions are stored with what was read
  # Left out: positions.ignore_invalid_yaml = true: positions are checked
  # Left out: limits_config.readline_rate_enabled = true: see rate_limit of input "tail", which is
  # for each file, and loses nothing
  # Left out: limits_config.readline_rate = 10000: see rate_limit of input "tail", which is for
  # each file, and loses nothing
  # Left out: limits_config.readline_burst = 20000: see rate_limit of input "tail", which is for
  # each file, and loses nothing
  # Left out: limits_config.readline_rate_drop = false: see rate_limit of input "tail", which is
  # for each file, and loses nothing
  # Left out: limits_config.max_streams = 5000: labels make no streams here
  # Left out: target_config.sync_period = 10s: see rescan_interval
  # Left out: tracing.enabled = false: see agent.trace
}

# every pod of this node
input "tail" "kubernetes-pods" {
  tag = "kubernetes-pods"
  paths = [
    "/var/log/pods/prod_*/*/*.log",
    "/var/log/pods/staging_*/*/*.log",
    "/var/log/pods/payments_*/*/*.log",
    "/var/log/pods/legacy_*/*/*.log",
    "/var/log/pods/ingress_*/*/*.log",
  ]
  container = true
  kubernetes {
    node        = env("NODE_NAME")
    annotations = ["promtail.io/exclude"]
  }
  path_header   = "filename"
  max_line_size = "256KiB"
  long_lines    = "truncate"
  # Left out: scrape_configs.relabel_configs __meta_kubernetes_pod_phase: files are read whatever
  # becomes of their pod
  # Left out: scrape_configs.relabel_configs __path__ /var/log/pods/*$1/*.log: paths says which
  # files are read
  # Left out: scrape_configs.pipeline_stages.cri.max_partial_lines = 200: parts of lines are put
  # together, up to max_line_size
  # Left out: scrape_configs.pipeline_stages.cri.max_partial_line_size = 0: parts of lines are put
  # together, up to max_line_size
  # Left out: scrape_configs.pipeline_stages.cri.max_partial_line_size_truncate = false: parts of
  # lines are put together, up to max_line_size
  # Left out: scrape_configs.pipeline_stages.drop.drop_counter_reason = probes: what filters
  # discard is counted by their names
  # Left out: scrape_configs.pipeline_stages.match.pipeline_name = shop: filters have names
  # Left out: scrape_configs.pipeline_stages.match.drop_counter_reason = cards: what filters
  # discard is counted by their names
  # Left out: scrape_configs.pipeline_stages.limit.max_distinct_labels = 1000: see max_keys
}

filter "drop" "kubernetes-pods" {
  if = "tag == 'kubernetes-pods' and (header['annotations.promtail.io/exclude'] ?? '') matches '^(?:true)$'"
}

filter "set" "kubernetes-pods" {
  if = "tag == 'kubernetes-pods'"
  headers = {
    app       = "header['labels.app.kubernetes.io/name'] ?? header['labels.app'] ?? header.owner ?? header.pod"
    node_name = "header.node"
    job       = "(header.namespace ?? '') + '/' + (header['labels.app.kubernetes.io/name'] ?? header['labels.app'] ?? header.owner ?? header.pod ?? '')"
    team      = "header['labels.team']"
    tier      = "header['labels.tier']"
  }
}

# probes say nothing
filter "drop" "kubernetes-pods_2" {
  if = "tag == 'kubernetes-pods' and value matches '.*(kube-probe|ELB-HealthChecker).*'"
}

# the shop writes JSON
filter "set" "branch_1" {
  if = "tag == 'kubernetes-pods' and (header['app'] ?? '') == 'shop' and (header['namespace'] ?? '') matches '^(?:prod|staging)$' and header.branch_1 == nil"
  # Which branch is taken is decided before what is in it changes the record.
  headers = {
    branch_1 = "'1'"
  }
}

filter "parse" "kubernetes-pods" {
  if         = "header.branch_1 == '1'"
  format     = "json"
  on_failure = "discard"
}

filter "set" "kubernetes-pods_2" {
  if = "header.branch_1 == '1'"
  fields = {
    level = "field.severity"
    msg   = "field.message"
    trace = "field['trace.id']"
    user  = "field.context.user.id"
    took  = "field.took_ms"
  }
}

filter "set" "kubernetes-pods_3" {
  if = "header.branch_1 == '1'"
  fields = {
    level = "lower((field.severity == nil ? nil : string(field.severity)))"
  }
}

filter "set" "kubernetes-pods_4" {
  if = "header.branch_1 == '1'"
  fields = {
    summary = "(field.level ?? '<no value>') + ': ' + string(field.message ?? '<no value>') + ' (' + string(field.took_ms ?? '<no value>') + ' ms)'"
  }
}

filter "set" "kubernetes-pods_5" {
  if = "header.branch_1 == '1'"
  headers = {
    level = "field.level == '' ? nil : field.level"
  }
}

filter "set" "kubernetes-pods_6" {
  if = "header.branch_1 == '1'"
  headers = {
    trace_id = "field['trace.id']"
    user_id  = "field.context.user.id"
  }
}

filter "set" "kubernetes-pods_7" {
  if = "header.branch_1 == '1'"
  fields = {
    message = "field.summary"
  }
  # Changed: scrape_configs.pipeline_stages.match.stages.output: the record stays an object, whose
  # message is the line
}

# nginx in front of it
filter "set" "branch_2" {
  if = "tag == 'kubernetes-pods' and (header['app'] ?? '') matches '^(?:nginx|ingress-nginx)$' and not ((field.message ?? value) matches '\\\\.(css|js|png) HTTP') and header.branch_2 == nil"
  # Which branch is taken is decided before what is in it changes the record.
  headers = {
    branch_2 = "'1'"
  }
}

filter "parse" "kubernetes-pods_2" {
  if      = "header.branch_2 == '1'"
  format  = "regex"
  pattern = "^(?P<remote_addr>[\\w\\.:]+) - (?P<remote_user>\\S+) \\[(?P<time_local>[^\\]]+)\\] \"(?P<method>\\S+) (?P<path>\\S+) (?P<protocol>\\S+)\" (?P<status>\\d{3}) (?P<bytes>\\d+)"
  keep    = "message"
  # Changed: scrape_configs.pipeline_stages.match.stages.regex: the record becomes an object with
  # what is taken out, and the line as message
}

filter "set" "kubernetes-pods_8" {
  if = "header.branch_2 == '1'"
  headers = {
    method = "field.method"
    status = "field.status"
  }
}

filter "time" "kubernetes-pods" {
  if      = "header.branch_2 == '1'"
  field   = "time_local"
  formats = ["%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S.%f %z"]
  # Changed: scrape_configs.pipeline_stages.match.stages.timestamp: where it cannot be read, the
  # time is that of reading, not of the line before
}

filter "replace" "kubernetes-pods" {
  if      = "header.branch_2 == '1'"
  field   = "message"
  pattern = "((?:token|password)=)(?:[^&\\s]+)"
  with    = "$${1}***"
}

filter "set" "kubernetes-pods_9" {
  if = "header.branch_2 == '1'"
  headers = {
    tenant = "'edge'"
  }
  # Changed: scrape_configs.pipeline_stages.match.stages.tenant: it is a header, which a topic or a
  # route may name
}

filter "drop" "kubernetes-pods_3" {
  # what is to be kept apart
  if = "tag == 'kubernetes-pods' and (header['namespace'] ?? '') == 'payments' and (field.message ?? value) contains 'CARD'"
}

filter "set" "branch_3" {
  if = "tag == 'kubernetes-pods' and (header['app'] ?? '') == 'legacy' and header.branch_3 == nil"
  # Which branch is taken is decided before what is in it changes the record.
  headers = {
    branch_3 = "'1'"
  }
}

filter "multiline" "kubernetes-pods" {
  if        = "header.branch_3 == '1'"
  key       = "header.stream"
  start     = "^\\d{4}-\\d{2}-\\d{2}"
  timeout   = "3s"
  max_lines = 500
  # Changed: scrape_configs.pipeline_stages.match.stages.multiline: lines before the first event
  # are one, too, and empty ones behind a full event are a record
}

filter "parse" "kubernetes-pods_3" {
  if      = "header.branch_3 == '1'"
  format  = "regex"
  pattern = "^(?P<ts>\\S+ \\S+) \\[(?P<thread>[^\\]]+)\\] (?P<level>[A-Z]+)\\s+(?P<logger>\\S+) - (?s:(?P<content>.*))$"
  keep    = "message"
  # Changed: scrape_configs.pipeline_stages.match.stages.regex: the record becomes an object with
  # what is taken out, and the line as message
}

filter "set" "kubernetes-pods_10" {
  if = "header.branch_3 == '1'"
  headers = {
    level  = "field.level"
    logger = "field.logger"
  }
}

filter "time" "kubernetes-pods_2" {
  if      = "header.branch_3 == '1'"
  field   = "ts"
  formats = ["%Y-%m-%d %H:%M:%S,%f"]
  zone    = "Europe/Berlin"
  # Changed: scrape_configs.pipeline_stages.match.stages.timestamp: where it cannot be read, the
  # time is that of reading, not of the line before
}

filter "set" "kubernetes-pods_11" {
  if = "tag == 'kubernetes-pods'"
  headers = {
    collector = "'promtail'"
  }
}

filter "throttle" "kubernetes-pods" {
  if    = "tag == 'kubernetes-pods'"
  key   = "header['namespace']"
  limit = 200
  per   = "1s"
  # Left out: scrape_configs.pipeline_stages.limit.burst = 400: limit is for each interval
}

# what the API server has written
input "tail" "audit" {
  tag           = "audit"
  paths         = ["/var/log/kubernetes/audit/*.log"]
  path_header   = "filename"
  max_line_size = "256KiB"
  long_lines    = "truncate"
}

filter "set" "audit" {
  if = "tag == 'audit'"
  headers = {
    job  = "'kube-audit'"
    node = "'${env("NODE_NAME")}'"
  }
}

filter "parse" "audit" {
  if     = "tag == 'audit'"
  format = "json"
}

filter "set" "audit_2" {
  if = "tag == 'audit'"
  fields = {
    resource = "field.objectRef.resource"
    at       = "field.requestReceivedTimestamp"
  }
}

filter "drop" "audit" {
  if = "tag == 'audit' and (string(field.verb ?? '') + ';' + string(field.stage ?? '')) == 'get;ResponseStarted'"
}

filter "drop" "audit_2" {
  if = "tag == 'audit' and string(field.verb ?? '') matches '^(watch|list)$'"
}

filter "set" "audit_3" {
  if = "tag == 'audit'"
  headers = {
    verb     = "field.verb"
    resource = "field.objectRef.resource"
  }
}

filter "time" "audit" {
  if      = "tag == 'audit'"
  field   = "at"
  formats = ["iso8601"]
  # Changed: scrape_configs.pipeline_stages.timestamp: where it cannot be read, the time is that of
  # reading, not of the line before
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

pipeline "main" {
  from = [input.tail.kubernetes-pods, input.tail.audit]
  filter = [
    filter.drop.kubernetes-pods,
    filter.set.kubernetes-pods,
    filter.drop.kubernetes-pods_2,
    filter.set.branch_1,
    filter.parse.kubernetes-pods,
    filter.set.kubernetes-pods_2,
    filter.set.kubernetes-pods_3,
    filter.set.kubernetes-pods_4,
    filter.set.kubernetes-pods_5,
    filter.set.kubernetes-pods_6,
    filter.set.kubernetes-pods_7,
    filter.set.branch_2,
    filter.parse.kubernetes-pods_2,
    filter.set.kubernetes-pods_8,
    filter.time.kubernetes-pods,
    filter.replace.kubernetes-pods,
    filter.set.kubernetes-pods_9,
    filter.drop.kubernetes-pods_3,
    filter.set.branch_3,
    filter.multiline.kubernetes-pods,
    filter.parse.kubernetes-pods_3,
    filter.set.kubernetes-pods_10,
    filter.time.kubernetes-pods_2,
    filter.set.kubernetes-pods_11,
    filter.throttle.kubernetes-pods,
    filter.set.audit,
    filter.parse.audit,
    filter.set.audit_2,
    filter.drop.audit,
    filter.drop.audit_2,
    filter.set.audit_3,
    filter.time.audit,
  ]
  to = [output.stdout.nothing]
  # LEFT OUT: client https://loki-gateway.example.com/loki/api/v1/push: there is no output for
  # Loki: write one, such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
  # LEFT OUT: client http://loki-audit.logging.svc:3100/loki/api/v1/push: there is no output for
  # Loki: write one, such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
  # Left out: scrape_configs.pipeline_stages.match.stages.timestamp: nothing of this name is taken
  # out before it: it does nothing
  # Left out: scrape_configs.pipeline_stages.match.stages.metrics: see filter "count": counters and
  # histograms on /metrics
  # LEFT OUT: scrape_configs.pipeline_stages.match.stages.pack: records keep their headers, where
  # an output sends them: filter "set" makes fields of them
  # Left out: scrape_configs.pipeline_stages.labelallow: each header is one that a filter or the
  # input sets: take it out there
  # Left out: scrape_configs.pipeline_stages.labeldrop: each header is one that a filter or the
  # input sets: take it out there
  # LEFT OUT: scrape_configs.pipeline_stages.drop: old records pass: how old one is depends on when
  # it is delivered, and all of it has to hold
}
