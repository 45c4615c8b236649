agent {
  data_dir = "/var/lib/penstock"
  # Left out: secor.offsets.per.partition=10000000: objects have no folder for the offset
  # Left out: secor.offsets.prefix=offset=: objects have no folder for the offset
}

input "kafka" "events" {
  # Shows: the backup group, which files by offset, and sequence files: neither can be had.
  brokers      = ["kafka:9092"]
  topics_regex = ["^.*$"]
  group        = "secor_backup"
}

output "s3" "lake" {
  bucket = "acme-backup"
  prefix = "backup"
  # LEFT OUT: secor.message.parser.class=com.pinterest.secor.parser.OffsetMessageParser: objects
  # have no folder for the offset; the first one of each stands in its name
  path        = "${topic}"
  file_name   = "1_${partition}_${start}"
  compression = "none"
  format "raw" {
    # LEFT OUT:
    # secor.file.reader.writer.factory=com.pinterest.secor.io.impl.SequenceFileReaderWriterFactory:
    # there are no such files here: values are written as lines; parquet and avro can be had
    # Changed: compression: sequence files may be compressed inside; write compression
  }
  roll {
    size = "200MB"
    age  = "1h"
  }
}

pipeline "lake" {
  from = [input.kafka.events]
  to   = [output.s3.lake]
}
