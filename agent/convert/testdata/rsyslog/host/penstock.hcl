agent {
  data_dir = "/var/lib/penstock"
  # Left out: module.load = imuxsock: inputs and outputs need no modules
  # Left out: module.load = imklog: inputs and outputs need no modules
  # Left out: $ModLoad imfile: inputs and outputs need no modules
  # Left out: $ModLoad immark.so: inputs and outputs need no modules
  # Where to keep what it needs to know
  # Left out: $WorkDirectory /var/lib/rsyslog: penstock needs no such setting, or has it elsewhere
  # Left out: $ActionFileDefaultTemplate RSYSLOG_TraditionalFileFormat: penstock needs no such
  # setting, or has it elsewhere
  # Left out: $FileOwner root: penstock needs no such setting, or has it elsewhere
  # Left out: $FileGroup adm: penstock needs no such setting, or has it elsewhere
  # Left out: $FileCreateMode 0640: penstock needs no such setting, or has it elsewhere
  # Left out: $DirCreateMode 0755: penstock needs no such setting, or has it elsewhere
  # Left out: $Umask 0022: penstock needs no such setting, or has it elsewhere
  # Left out: $RepeatedMsgReduction on: penstock needs no such setting, or has it elsewhere
  # Left out: $MaxMessageSize 16k: penstock needs no such setting, or has it elsewhere
  # Left out: $InputFileStateFile stat-tomcat: penstock needs no such setting, or has it elsewhere
  # Left out: $InputFileStateFile stat-backup: penstock needs no such setting, or has it elsewhere
  # Left out: $InputFilePollInterval 10: penstock needs no such setting, or has it elsewhere
  # FORWARDING ####
  # Left out: $ActionQueueType LinkedList: penstock needs no such setting, or has it elsewhere
  # Left out: $ActionQueueFileName fwdRule1: penstock needs no such setting, or has it elsewhere
  # Left out: $ActionQueueMaxDiskSpace 1g: penstock needs no such setting, or has it elsewhere
  # Left out: $ActionQueueSaveOnShutdown on: penstock needs no such setting, or has it elsewhere
  # Left out: $ActionResumeRetryCount -1: penstock needs no such setting, or has it elsewhere
}

# Shows: the configuration that a distribution ships, with rules of its owner: the journal by
# modules, selectors of every form, files of applications by directives, facilities of such files.
# MODULES ####
# local messages
input "journald" "journal" {
  tag = "journal"
  # Changed: module imuxsock: the journal has what programs of this machine and the kernel log:
  # without systemd write input "syslog" with unixgram:///dev/log
  # Changed: module imklog: the journal has what programs of this machine and the kernel log:
  # without systemd write input "syslog" with unixgram:///dev/log
}

# FILES OF APPLICATIONS ####
input "tail" "tomcat" {
  paths       = ["/var/log/tomcat/catalina.out"]
  empty_lines = "skip"
  tag         = "tomcat"
  # Changed: facility = local5: lines of files have none: selectors and conditions were worked out
  # with it
  # Changed: severity = error: lines of files have none: selectors and conditions were worked out
  # with it
}

input "tail" "backup" {
  paths       = ["/var/log/backup/*.log"]
  empty_lines = "skip"
  tag         = "backup"
  # Changed: facility = local6: lines of files have none: selectors and conditions were worked out
  # with it
}

filter "drop" "stop" {
  # NOISE ####
  if = "(field.MESSAGE ?? value) contains 'Started Session'"
}

filter "drop" "stop_2" {
  if = "(field.MESSAGE ?? value) startsWith 'Removed slice'"
}

filter "drop" "stop_3" {
  if = "(field.SYSLOG_IDENTIFIER ?? tag) == 'systemd-logind'"
}

filter "drop" "stop_4" {
  if = "(field.SYSLOG_IDENTIFIER ?? tag) == 'dbus-daemon' and (field.MESSAGE ?? value) contains 'Successfully activated'"
}

output "file" "file" {
  path = "/var/log/firewall.log"
  # Changed: action omfile: lines of files go out as they are: a template of rsyslog has time, host
  # and tag before them
}

output "file" "file_2" {
  # RULES ####
  # all but mail, and but what is private
  path = "/var/log/messages"
}

output "file" "file_3" {
  path = "/var/log/secure"
}

output "file" "file_4" {
  path = "/var/log/maillog"
}

output "file" "file_5" {
  path = "/var/log/cron"
}

output "file" "file_6" {
  path = "/var/log/spooler"
}

output "file" "file_7" {
  path = "/var/log/boot.log"
}

output "file" "file_8" {
  path = "/var/log/daemon-quiet.log"
}

output "file" "file_9" {
  path = "/var/log/kernel-hints.log"
}

output "file" "file_10" {
  path = "/var/log/debug"
}

output "file" "file_11" {
  # the applications by their facilities
  path = "/var/log/collected/tomcat-errors.log"
}

output "file" "file_12" {
  path = "/var/log/collected/tomcat.log"
}

output "file" "file_13" {
  path = "/var/log/collected/backup-warnings.log"
}

output "kafka" "kafka" {
  brokers = ["kafka-1.example.net:9092"]
  topic   = "backups"
  # Changed: action omkafka: lines of files go out as they are: a template of rsyslog has time,
  # host and tag before them
  # Left out: action.errorFile = /var/lib/rsyslog/kafka-errors.log: see dead_letter
  # Left out: action.action.resumeRetryCount = -1: attempts never end
  # Left out: action.queue.type = LinkedList: the buffer is on disk: see buffer.max_size
  # Left out: action.queue.size = 100000: the buffer is on disk: see buffer.max_size
  # Left out: action.queue.filename = backups: the buffer lies below data_dir
  # Left out: action.queue.saveOnShutdown = on: the buffer is on disk
  # Left out: action.queue.maxDiskSpace = 2g: see buffer.max_size
}

output "file" "file_14" {
  path = "/var/log/alarm.log"
}

output "file" "file_15" {
  path = "/var/log/kernel-errors.log"
  # Changed: action omfile: lines of files go out as they are: a template of rsyslog has time, host
  # and tag before them
}

output "file" "file_16" {
  path = "/var/log/oom.log"
  # Changed: action omfile: lines of files go out as they are: a template of rsyslog has time, host
  # and tag before them
}

output "file" "file_17" {
  path = "/var/log/privileges.log"
}

pipeline "main" {
  from   = [input.journald.journal, input.tail.tomcat, input.tail.backup]
  filter = [filter.drop.stop, filter.drop.stop_2, filter.drop.stop_3, filter.drop.stop_4]
  # LEFT OUT: :omusrmsg:*: there is no such output; see penstock help for those there are
  # LEFT OUT: @@loghost.example.net:514: there is no such output; see penstock help for those there
  # are
  route {
    if = "( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source'"
    to = [output.file.file]
  }
  route {
    if = "tag == 'journal' and not (int(field.SYSLOG_FACILITY ?? 3) in [2, 9, 10, 21, 22]) and int(field.PRIORITY ?? 6) in [0, 1, 2, 3, 4, 5, 6] and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source')"
    to = [output.file.file_2]
  }
  route {
    if = "tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) == 10 and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source')"
    to = [output.file.file_3]
  }
  route {
    if = "tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) == 2 and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source')"
    to = [output.file.file_4]
  }
  route {
    if = "tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) == 9 and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source')"
    to = [output.file.file_5]
  }
  route {
    if = "tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) in [7, 8] and int(field.PRIORITY ?? 6) in [0, 1, 2] and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source')"
    to = [output.file.file_6]
  }
  route {
    if = "tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) == 23 and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source')"
    to = [output.file.file_7]
  }
  route {
    if = "tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) == 3 and int(field.PRIORITY ?? 6) in [4, 5, 6, 7] and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source')"
    to = [output.file.file_8]
  }
  route {
    if = "tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) == 0 and int(field.PRIORITY ?? 6) in [4, 5] and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source')"
    to = [output.file.file_9]
  }
  route {
    if = "tag == 'journal' and not (int(field.SYSLOG_FACILITY ?? 3) in [2, 4, 7, 10]) and int(field.PRIORITY ?? 6) == 7 and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source')"
    to = [output.file.file_10]
  }
  route {
    if = "(tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) == 21 and int(field.PRIORITY ?? 6) in [0, 1, 2, 3] or tag == 'tomcat') and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source')"
    to = [output.file.file_11]
  }
  route {
    if = "(tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) == 21 or tag == 'tomcat') and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source')"
    to = [output.file.file_12]
  }
  route {
    if = "tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) == 22 and int(field.PRIORITY ?? 6) in [0, 1, 2, 3, 4] and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source') and not (tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) == 21 or tag == 'tomcat')"
    to = [output.file.file_13]
  }
  route {
    if = "(tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) == 22 or tag == 'backup') and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source') and not (tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) == 21 or tag == 'tomcat')"
    to = [output.kafka.kafka]
  }
  route {
    if = "(tag == 'journal' ? get(['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp', 'ntp', 'audit', 'alert', 'clock', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'], int(field.SYSLOG_FACILITY ?? 3)) : tag == 'tomcat' ? 'local5' : 'local6') == 'authpriv' and (tag == 'journal' ? get(['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'], int(field.PRIORITY ?? 6)) : tag == 'tomcat' ? 'err' : 'notice') == 'crit' and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source') and not (tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) == 21 or tag == 'tomcat')"
    to = [output.file.file_14]
  }
  route {
    if = "(tag == 'journal' ? int(field.SYSLOG_FACILITY ?? 3) : tag == 'tomcat' ? 21 : 22) == 0 and (tag == 'journal' ? int(field.PRIORITY ?? 6) : tag == 'tomcat' ? 3 : 5) <= 3 and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source') and not (tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) == 21 or tag == 'tomcat')"
    to = [output.file.file_15]
  }
  route {
    if = "(field.MESSAGE ?? value) matches 'out of memory|oom-killer' and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source') and not (tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) == 21 or tag == 'tomcat')"
    to = [output.file.file_16]
  }
  route {
    if = "((field.SYSLOG_IDENTIFIER ?? tag) == 'sudo' or (field.SYSLOG_IDENTIFIER ?? tag) == 'su') and not (( (field.SYSLOG_IDENTIFIER ?? tag) == 'kernel' and (field.MESSAGE ?? value) contains 'UFW BLOCK' ) or (field.MESSAGE ?? value) contains 'martian source') and not (tag == 'journal' and int(field.SYSLOG_FACILITY ?? 3) == 21 or tag == 'tomcat')"
    to = [output.file.file_17]
  }
}
