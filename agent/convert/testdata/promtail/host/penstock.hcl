# Shows: a host with everything on it: the journal, syslog by TLS, applications with multiline,
# logfmt and templates, Docker's sockets, Kafka, pushes, GELF and Windows, which differ in what can
# be had
agent {
  data_dir = "/var/lib/penstock"
  admin {
    listen = "127.0.0.1:9080"
    # Changed: server.http_listen_port = 9080: the status page and /metrics, on loopback
  }
  # LEFT OUT: scrape_configs push: nothing takes pushes of Loki: let them come by input "http"
  # (OTLP, lines, JSON, Splunk, bulk) or "forward"
  # LEFT OUT: scrape_configs gelf: nothing takes GELF: let Docker or the application write JSON
  # files, or send syslog or Fluentd's forward
  # LEFT OUT: scrape_configs windows: penstock does not run on Windows: let an agent there send by
  # Fluentd's forward or syslog
  # Left out: server.http_listen_address = 0.0.0.0: see listen of admin, which asks for a token
  # where it is not on loopback
  # Left out: server.disable = false: the page is there where admin is written
  # Left out: positions.filename = /var/lib/promtail/${POSITIONS:-positions}.yaml: positions are
  # kept below data_dir: see penstock import-positions
}

input "journald" "journal" {
  tag       = "journal"
  directory = "/var/log/journal"
  matches   = ["_TRANSPORT=stdout", "PRIORITY=3"]
  # Left out: scrape_configs.journal.max_age = 12h: entries are objects, from where reading stopped
  # Left out: scrape_configs.journal.json = false: entries are objects, from where reading stopped
}

filter "drop" "journal" {
  if = "tag == 'journal' and (field._SYSTEMD_UNIT ?? '') matches '^(?:(session-\\\\d+|user@\\\\d+)\\\\.(scope|service))$'"
}

filter "set" "journal" {
  if = "tag == 'journal'"
  headers = {
    job      = "'systemd-journal'"
    unit     = "field._SYSTEMD_UNIT"
    hostname = "field._HOSTNAME"
    severity = "['emerg', 'alert', 'crit', 'error', 'warning', 'notice', 'info', 'debug'][int(field.PRIORITY ?? 6)]"
  }
}

filter "set" "branch_1" {
  if = "tag == 'journal' and (header['unit'] ?? '') == 'sshd.service' and header.branch_1 == nil"
  # Which branch is taken is decided before what is in it changes the record.
  headers = {
    branch_1 = "'1'"
  }
}

filter "parse" "journal" {
  if      = "header.branch_1 == '1'"
  format  = "regex"
  pattern = "Failed (?P<auth>\\S+) for (?:invalid user )?(?P<user>\\S+) from (?P<ip>\\S+)"
  field   = "MESSAGE"
  keep    = "MESSAGE"
}

filter "set" "journal_2" {
  if = "header.branch_1 == '1'"
  headers = {
    auth = "field.auth"
  }
}

filter "lookup" "journal" {
  if    = "header.branch_1 == '1'"
  table = env("GEOIP_DB")
  key   = "field.ip"
  into  = "geoip"
  # Changed: scrape_configs.pipeline_stages.match.stages.geoip: fields are called as the database
  # calls them, such as geoip.country.iso_code
  # Left out: scrape_configs.pipeline_stages.match.stages.geoip.db_type = city: the database says
  # what it is
}

input "syslog" "syslog" {
  tag              = "syslog"
  listen           = ["tls://0.0.0.0:1514"]
  idle_timeout     = "1m"
  max_message_size = "16KiB"
  tls {
    cert_file      = "/etc/promtail/server.crt"
    key_file       = "/etc/promtail/server.key"
    client_ca_file = "/etc/promtail/clients.crt"
  }
  # Left out: scrape_configs.syslog.label_structured_data = true: structured_data is a field
  # Left out: scrape_configs.syslog.use_incoming_timestamp = true: records have the time that came
  # with them
  # Left out: scrape_configs.syslog.use_rfc5424_message = false: the message is a field
}

filter "where" "syslog" {
  if        = "tag == 'syslog'"
  condition = "(field.facility ?? '') matches '^(?:(local[0-7]|cron))$'"
}

filter "set" "syslog" {
  if = "tag == 'syslog'"
  headers = {
    job   = "'syslog'"
    host  = "field.hostname"
    app   = "field.app_name"
    level = "field.severity"
  }
}

# the applications
input "tail" "apps" {
  tag         = "apps"
  paths       = ["/srv/apps/*/log/*.log", "/srv/batch/log/{daily,weekly}.log"]
  exclude     = ["/srv/apps/*/log/*-debug.log"]
  path_header = "filename"
  encoding    = "iso-8859-15"
  multiline {
    start     = "^\\[\\d{4}-\\d{2}-\\d{2}T"
    timeout   = "5s"
    max_lines = 128
    # Changed: scrape_configs.pipeline_stages.multiline: lines before the first event are one, too,
    # and empty ones behind a full event are a record
  }
  path_pattern = "/srv/apps/(?P<app>[^/]+)/"
  # Left out: scrape_configs.decompression.enabled = false: what is compressed is told by its bytes
}

filter "set" "apps" {
  if = "tag == 'apps' and header.filename matches '^/srv/apps/[^/]*/log/[^/]*\\\\.log$'"
  headers = {
    job = "'app'"
    env = "'prod'"
  }
}

filter "set" "apps_2" {
  if = "tag == 'apps' and header.filename matches '^/srv/batch/log/(?:daily|weekly)\\\\.log$'"
  headers = {
    job = "'batch'"
  }
}

filter "replace" "apps" {
  if      = "tag == 'apps'"
  pattern = "\\x1b\\[[0-9;]*[A-Za-z]"
  with    = ""
}

filter "parse" "apps" {
  if      = "tag == 'apps'"
  format  = "regex"
  pattern = "^\\[(?P<ts>[^\\]]+)\\] (?P<lvl>\\w+) (?s:(?P<rest>.*))$"
  keep    = "message"
  # Changed: scrape_configs.pipeline_stages.regex: the record becomes an object with what is taken
  # out, and the line as message
}

filter "parse" "apps_2" {
  if     = "tag == 'apps'"
  format = "logfmt"
  field  = "rest"
  keep   = "rest"
}

filter "set" "apps_3" {
  if = "tag == 'apps'"
  fields = {
    request_id = "field.rid"
    code       = "field.status"
  }
}

filter "set" "apps_4" {
  if = "tag == 'apps'"
  fields = {
    level = "((field.lvl ?? '') == 'W' ? 'warn' : ((field.lvl ?? '') == 'E' ? 'error' : 'info'))"
  }
}

filter "set" "apps_5" {
  if = "tag == 'apps'"
  headers = {
    app = "upper(trimSuffix(header['app'], '-svc'))"
  }
}

filter "set" "apps_6" {
  if = "tag == 'apps'"
  headers = {
    app   = "header['app'] == '' ? nil : header['app']"
    level = "field.lvl"
  }
}

filter "time" "apps" {
  if      = "tag == 'apps'"
  field   = "ts"
  formats = ["%Y-%m-%dT%H:%M:%S.%f%z"]
  # Changed: scrape_configs.pipeline_stages.timestamp: where it cannot be read, the time is that of
  # reading, not of the line before
}

filter "sample" "apps" {
  if   = "tag == 'apps'"
  keep = 0.25
}

filter "set" "apps_7" {
  if = "tag == 'apps'"
  fields = {
    message = "field.rest"
  }
  # Changed: scrape_configs.pipeline_stages.output: the record stays an object, whose message is
  # the line
}

input "tail" "nginx-json" {
  tag         = "nginx-json"
  paths       = ["/var/log/nginx/access_json.log"]
  path_header = "filename"
}

filter "set" "nginx-json" {
  if = "tag == 'nginx-json'"
  headers = {
    job = "'nginx'"
  }
}

filter "parse" "nginx-json" {
  if     = "tag == 'nginx-json'"
  format = "json"
}

filter "set" "nginx-json_2" {
  if = "tag == 'nginx-json'"
  fields = {
    upstream = "field.upstream_addr"
    http     = "field.request"
  }
}

filter "parse" "nginx-json_2" {
  if     = "tag == 'nginx-json'"
  format = "json"
  field  = "http"
  keep   = "http"
  into   = "promtail_json"
}

filter "set" "nginx-json_3" {
  if = "tag == 'nginx-json'"
  fields = {
    verb = "field.promtail_json.method"
    url  = "field.promtail_json.uri"
  }
}

filter "remove_fields" "nginx-json" {
  if     = "tag == 'nginx-json'"
  fields = ["promtail_json"]
}

filter "drop" "nginx-json" {
  if = "tag == 'nginx-json' and string(field.url ?? '') matches '^/(metrics|healthz)'"
}

filter "set" "nginx-json_4" {
  if = "tag == 'nginx-json' and (header['job'] ?? '') == 'nginx' and value matches '\"status\":5..'"
  headers = {
    alert = "'5xx'"
  }
}

filter "set" "nginx-json_5" {
  if = "tag == 'nginx-json'"
  headers = {
    status = "field.status"
    host   = "field.host"
  }
}

input "tail" "containers" {
  tag       = "containers"
  paths     = ["/var/lib/docker/containers/*/*-json.log"]
  container = true
  # LEFT OUT: scrape_configs.docker_sd_configs.filters: the files of all containers are read, and
  # nothing but their ids is known of them
  # Left out: scrape_configs.docker_sd_configs.host = unix:///var/run/docker.sock: files are read,
  # and Docker is not asked
  # Left out: scrape_configs.docker_sd_configs.refresh_interval = 5s: files are read, and Docker is
  # not asked
  # Left out: scrape_configs.relabel_configs container: nothing is known here of
  # __meta_docker_container_name
}

input "kafka" "bus" {
  brokers      = ["kafka-1:9092", "kafka-2:9092"]
  group        = "promtail"
  topics       = ["applogs"]
  topics_regex = ["^metrics-.*"]
  sasl {
    mechanism = "SCRAM-SHA-512"
    username  = "promtail"
    password  = "hunter2"
  }
  tls {
    ca_file = "/etc/kafka/ca.pem"
  }
  # Left out: scrape_configs.kafka.version = 2.6.0: versions are found out
  # Left out: scrape_configs.kafka.assignor = roundrobin: see protocol
  # Left out: scrape_configs.kafka.use_incoming_timestamp = true: records have the time that came
  # with them
}

filter "set" "bus" {
  headers = {
    job = "'kafka'"
  }
}

output "stdout" "nothing" {
  # LEFT OUT: the output of pipeline bus: none could be carried over
}

pipeline "bus" {
  from   = [input.kafka.bus]
  filter = [filter.set.bus]
  to     = [output.stdout.nothing]
}

output "stdout" "nothing_2" {
  # LEFT OUT: the output of pipeline main: none could be carried over
}

pipeline "main" {
  from = [
    input.journald.journal,
    input.syslog.syslog,
    input.tail.apps,
    input.tail.nginx-json,
    input.tail.containers,
  ]
  filter = [
    filter.drop.journal,
    filter.set.journal,
    filter.set.branch_1,
    filter.parse.journal,
    filter.set.journal_2,
    filter.lookup.journal,
    filter.where.syslog,
    filter.set.syslog,
    filter.set.apps,
    filter.set.apps_2,
    filter.replace.apps,
    filter.parse.apps,
    filter.parse.apps_2,
    filter.set.apps_3,
    filter.set.apps_4,
    filter.set.apps_5,
    filter.set.apps_6,
    filter.time.apps,
    filter.sample.apps,
    filter.set.apps_7,
    filter.set.nginx-json,
    filter.parse.nginx-json,
    filter.set.nginx-json_2,
    filter.parse.nginx-json_2,
    filter.set.nginx-json_3,
    filter.remove_fields.nginx-json,
    filter.drop.nginx-json,
    filter.set.nginx-json_4,
    filter.set.nginx-json_5,
  ]
  to = [output.stdout.nothing_2]
  # LEFT OUT: client http://loki:3100/loki/api/v1/push: there is no output for Loki: write one,
  # such as output "kafka", or output "forward" to a fluent-bit that sends to Loki
  # Left out: scrape_configs.pipeline_stages.labeldrop: each header is one that a filter or the
  # input sets: take it out there
}
