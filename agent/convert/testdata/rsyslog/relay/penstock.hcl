# Shows: a central relay: UDP and TCP into rulesets, selectors, conditions one within the other,
# lists, expressions without regard to case, topics by program, files of hosts by a template.
agent {
  data_dir = "/var/lib/penstock"
  # Left out: global.workDirectory = /var/spool/rsyslog: see agent.data_dir
  # Left out: global.maxMessageSize = 64k: penstock has nothing of this name here
  # Left out: global.preserveFQDN = on: penstock has nothing of this name here
  # Left out: global.parser.escapeControlCharactersOnReceive = off: penstock has nothing of this
  # name here
  # Left out: module.load = imudp: inputs and outputs need no modules
  # Left out: module.threads = 2: penstock has nothing of this name here
  # Left out: module.load = imtcp: inputs and outputs need no modules
  # Left out: module.maxSessions = 2000: penstock has nothing of this name here
  # Left out: module.keepAlive = on: penstock has nothing of this name here
  # Left out: module.load = omkafka: inputs and outputs need no modules
  # Left out: module.load = impstats: inputs and outputs need no modules
  # Left out: module.interval = 60: penstock has nothing of this name here
  # Left out: module.format = json: penstock has nothing of this name here
  # Left out: module.log.file = /var/log/rsyslog-stats.log: penstock has nothing of this name here
}

# What network devices send, 25 000 messages a second at the worst
input "syslog" "syslog" {
  listen         = ["udp://0.0.0.0:514"]
  receive_buffer = "8MiB"
  tag            = "syslog"
}

input "syslog" "syslog_2" {
  listen = ["tcp://0.0.0.0:514"]
  tag    = "syslog_2"
}

# Servers of our own
# firewalls
input "syslog" "syslog_3" {
  listen = ["tcp://0.0.0.0:10514"]
  tag    = "syslog_3"
  # Left out: ruleset.queue.type = LinkedList: the buffer is on disk: see buffer.max_size
  # Left out: ruleset.queue.filename = network: the buffer lies below data_dir
  # Left out: ruleset.queue.maxDiskSpace = 4g: see buffer.max_size
  # Left out: ruleset.queue.saveOnShutdown = on: the buffer is on disk
}

filter "drop" "stop" {
  # noise that nobody wants
  if = "tag in ['syslog', 'syslog_2'] and (field.message contains 'Keepalive' or field.message contains 'heartbeat')"
}

filter "drop" "stop_2" {
  if = "tag in ['syslog', 'syslog_2'] and (field.priority ?? 13) % 8 > 6"
}

output "kafka" "kafka" {
  brokers     = ["kafka-1.example.net:9092", "kafka-2.example.net:9092"]
  topic       = "firewall-deny"
  compression = "lz4"
  linger      = "100ms"
  # Changed: action.template = KafkaJson (@timestamp: %timereported:::jsonf%, host:
  # %hostname:::jsonf%, program: %programname:::jsonf%, message: %msg:::jsonf%, option.jsonf ...:
  # lines of files go out as they are, and syslog messages as objects: shape them with filters
  # Left out: action.resubmitOnFailure = on: attempts never end
  # Left out: action.keepFailedMessages = on: what is not delivered stays in the buffer
  # Left out: action.failedMsgFile = /var/spool/rsyslog/failed-deny: what is not delivered stays in
  # the buffer
}

# switches and all else
output "kafka" "kafka_2" {
  brokers = ["kafka-1.example.net:9092", "kafka-2.example.net:9092"]
  topic   = "firewall"
  # Changed: action.template = KafkaJson (@timestamp: %timereported:::jsonf%, host:
  # %hostname:::jsonf%, program: %programname:::jsonf%, message: %msg:::jsonf%, option.jsonf ...:
  # lines of files go out as they are, and syslog messages as objects: shape them with filters
}

output "file" "file" {
  path = "/srv/log/link-down.log"
  # Changed: action.template = Raw (%rawmsg%\n): lines of files go out as they are, and syslog
  # messages as objects: shape them with filters
}

output "file" "file_2" {
  path = "/var/log/CHANGE-ME.log"
  # LEFT OUT: action.dynaFile = PerHostFile: the path is what a template makes
  # (/srv/log/%fromhost-ip%/%$year%-%$month%-%$day%.log): output "local" writes directories by a
  # path with ${...}
  # Changed: action.template = Raw (%rawmsg%\n): lines of files go out as they are, and syslog
  # messages as objects: shape them with filters
}

output "kafka" "kafka_3" {
  brokers = ["kafka-1.example.net:9092"]
  topic   = "network"
  # Changed: action.template = KafkaJson (@timestamp: %timereported:::jsonf%, host:
  # %hostname:::jsonf%, program: %programname:::jsonf%, message: %msg:::jsonf%, option.jsonf ...:
  # lines of files go out as they are, and syslog messages as objects: shape them with filters
}

# who has logged in
output "kafka" "kafka_4" {
  brokers = ["kafka-1.example.net:9092"]
  topic   = "auth"
  tls {}
  sasl {
    mechanism = "SCRAM-SHA-512"
    username  = "relay"
    password  = "hunter2"
  }
  # Changed: action.template = KafkaJson (@timestamp: %timereported:::jsonf%, host:
  # %hostname:::jsonf%, program: %programname:::jsonf%, message: %msg:::jsonf%, option.jsonf ...:
  # lines of files go out as they are, and syslog messages as objects: shape them with filters
}

output "file" "file_3" {
  path = "/srv/log/system.log"
}

output "file" "file_4" {
  path = "/srv/log/messages.log"
}

output "file" "file_5" {
  path = "/srv/log/mail.log"
}

output "file" "file_6" {
  path = "/srv/log/cron-errors.log"
}

output "kafka" "kafka_5" {
  brokers = ["kafka-1.example.net:9092"]
  topic   = "shop-errors"
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
}

output "kafka" "kafka_6" {
  brokers = ["kafka-1.example.net:9092"]
  topic   = "shop"
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
}

output "kafka" "kafka_7" {
  brokers = ["kafka-1.example.net:9092"]
  topic   = "haproxy"
  key     = "%hostname%"
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
}

output "file" "file_7" {
  path = "/srv/log/backup.log"
}

output "file" "file_8" {
  path = "/srv/log/databases.log"
}

output "file" "file_9" {
  path = "/srv/log/requests.log"
}

output "file" "file_10" {
  path = "/srv/log/no-debug.log"
}

pipeline "main" {
  from   = [input.syslog.syslog, input.syslog.syslog_2, input.syslog.syslog_3]
  filter = [filter.drop.stop, filter.drop.stop_2]
  # LEFT OUT: :omusrmsg:*: there is no such output; see penstock help for those there are
  route {
    if = "tag in ['syslog', 'syslog_2'] and (( field.hostname startsWith 'fw-' ) or ( field.hostname startsWith 'asa-' )) and (( field.message contains 'Deny' ) or field.message matches '%ASA-[0-3]-[0-9]{6}')"
    to = [output.kafka.kafka]
  }
  route {
    if = "tag in ['syslog', 'syslog_2'] and (( field.hostname startsWith 'fw-' ) or ( field.hostname startsWith 'asa-' ))"
    to = [output.kafka.kafka_2]
  }
  route {
    if = "tag in ['syslog', 'syslog_2'] and lower(field.message) contains 'link down' and not (tag in ['syslog', 'syslog_2'] and (( field.hostname startsWith 'fw-' ) or ( field.hostname startsWith 'asa-' )))"
    to = [output.file.file]
  }
  route {
    if = "tag in ['syslog', 'syslog_2'] and not (tag in ['syslog', 'syslog_2'] and (( field.hostname startsWith 'fw-' ) or ( field.hostname startsWith 'asa-' )))"
    to = [output.file.file_2, output.kafka.kafka_3]
  }
  route {
    if = "tag == 'syslog_3' and (field.facility ?? 'user') in ['auth', 'authpriv']"
    to = [output.kafka.kafka_4]
  }
  route {
    if = "tag == 'syslog_3' and ((field.facility ?? 'user') == 'kern' or (field.facility ?? 'user') == 'daemon' and (field.severity ?? 'notice') in ['emerg', 'alert', 'crit', 'err', 'warning']) and not (tag == 'syslog_3' and (field.facility ?? 'user') in ['auth', 'authpriv'])"
    to = [output.file.file_3]
  }
  route {
    if = "tag == 'syslog_3' and not ((field.facility ?? 'user') in ['mail', 'cron', 'local7']) and (field.severity ?? 'notice') in ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info'] and not (tag == 'syslog_3' and (field.facility ?? 'user') in ['auth', 'authpriv'])"
    to = [output.file.file_4]
  }
  route {
    if = "tag == 'syslog_3' and (field.facility ?? 'user') == 'mail' and not (tag == 'syslog_3' and (field.facility ?? 'user') in ['auth', 'authpriv'])"
    to = [output.file.file_5]
  }
  route {
    if = "tag == 'syslog_3' and (field.facility ?? 'user') == 'cron' and (field.severity ?? 'notice') in ['crit', 'err'] and not (tag == 'syslog_3' and (field.facility ?? 'user') in ['auth', 'authpriv'])"
    to = [output.file.file_6]
  }
  route {
    # one application has several programs
    if = "tag == 'syslog_3' and field.app_name in ['shop-web', 'shop-api', 'shop-worker'] and not ( field.message contains 'healthz' ) and ((field.severity ?? 'notice') == 'err' or (field.priority ?? 13) % 8 <= 2) and not (tag == 'syslog_3' and (field.facility ?? 'user') in ['auth', 'authpriv'])"
    to = [output.kafka.kafka_5]
  }
  route {
    if = "tag == 'syslog_3' and field.app_name in ['shop-web', 'shop-api', 'shop-worker'] and not ( field.message contains 'healthz' ) and not ((field.severity ?? 'notice') == 'err' or (field.priority ?? 13) % 8 <= 2) and not (tag == 'syslog_3' and (field.facility ?? 'user') in ['auth', 'authpriv'])"
    to = [output.kafka.kafka_6]
  }
  route {
    if = "tag == 'syslog_3' and not (field.app_name in ['shop-web', 'shop-api', 'shop-worker'] and not ( field.message contains 'healthz' )) and field.app_name == 'haproxy' and not (tag == 'syslog_3' and (field.facility ?? 'user') in ['auth', 'authpriv'])"
    to = [output.kafka.kafka_7]
  }
  route {
    if = "tag == 'syslog_3' and field.app_name == 'backup' and not (tag == 'syslog_3' and (field.facility ?? 'user') in ['auth', 'authpriv'])"
    to = [output.file.file_7]
  }
  route {
    if = "tag == 'syslog_3' and field.hostname matches '^db-[0-9]+(-replica)?$' and not (tag == 'syslog_3' and (field.facility ?? 'user') in ['auth', 'authpriv']) and not (tag == 'syslog_3' and field.app_name == 'backup')"
    to = [output.file.file_8]
  }
  route {
    if = "tag == 'syslog_3' and field.message matches '^ *(GET|POST) /' and not (tag == 'syslog_3' and (field.facility ?? 'user') in ['auth', 'authpriv']) and not (tag == 'syslog_3' and field.app_name == 'backup')"
    to = [output.file.file_9]
  }
  route {
    if = "tag == 'syslog_3' and not (field.message contains 'debug') and not (tag == 'syslog_3' and (field.facility ?? 'user') in ['auth', 'authpriv']) and not (tag == 'syslog_3' and field.app_name == 'backup')"
    to = [output.file.file_10]
  }
}
