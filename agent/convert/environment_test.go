package convert_test

import (
	"regexp"
	"strings"
	"testing"
)

// Each text has references IN_..., in the forms of its tool, wherever a text may have one; each of
// them is in the result.
func TestReferencesToTheEnvironmentAreKept(t *testing.T) {
	t.Parallel()
	for tool, c := range map[string]struct {
		ext, text string
		also      []string // what else is to be there
	}{
		"fluentd": {".conf", `
<source>
  @type tail
  path "#{ENV['IN_PATH']}/a.log"
  tag "#{ENV['IN_TAG']}"
  <parse>
    @type none
  </parse>
</source>
<source>
  @type forward
  port "#{ENV['IN_PORT'] || '24224'}"
  <security>
    self_hostname a
    shared_key "#{ENV['IN_KEY']}"
  </security>
</source>
<filter **>
  @type record_transformer
  <record>
    stage "#{ENV.fetch('IN_STAGE', 'test')}"
  </record>
</filter>
<match a.**>
  @type kafka2
  brokers "#{ENV['IN_HOST']}:9092,other:9092"
  default_topic "#{ENV['IN_TOPIC']}"
  username "#{ENV["IN_USER"]}"
  password "#{ENV["IN_PASSWORD"]}"
</match>
<match **>
  @type s3
  s3_bucket "#{ENV['IN_BUCKET']}"
  path "#{ENV['IN_DIR']}/x"
</match>
`, []string{`env("IN_STAGE", "test")`, `env("IN_PORT", "24224")`}},
		"fluent-bit": {".conf", `
@SET mine=a literal
[INPUT]
    name tail
    path ${IN_PATH}/*.log
    tag ${IN_TAG}
[FILTER]
    name modify
    match *
    add stage ${IN_STAGE}
    add text ${mine}
[FILTER]
    name grep
    match *
    regex log ${IN_RE}
[OUTPUT]
    name kafka
    match *
    brokers ${IN_HOST}:9092
    topics ${IN_TOPIC}
    rdkafka.sasl.mechanism PLAIN
    rdkafka.sasl.username ${IN_USER}
    rdkafka.sasl.password ${IN_PASSWORD}
[OUTPUT]
    name s3
    match *
    bucket ${IN_BUCKET}
    region eu-west-1
    s3_key_format /${IN_DIR}/%Y/$TAG
[OUTPUT]
    name http
    match *
    host ${IN_SERVER}
    uri /${IN_URI}
    header X-Stage ${IN_HEADER}
`, []string{"a literal"}},
		"filebeat": {".yml", `
filebeat.inputs:
- type: log
  paths: ["${IN_PATH}/*.log"]
  fields: {stage: "${IN_STAGE:test}"}
- type: tcp
  host: "0.0.0.0:${IN_PORT:9000}"
processors:
- add_fields: {target: "", fields: {owner: "${IN_OWNER:?tell who}"}}
- drop_event: {when: {equals: {level: "${IN_LEVEL}"}}}
output.kafka:
  hosts: ["${IN_HOST}:9092"]
  topic: "${IN_TOPIC}-%{[fields.type]}"
  username: "${IN_USER}"
  password: "${IN_PASSWORD}"
`, []string{`env("IN_STAGE", "test")`, `env("IN_OWNER")`}},
		"flume": {".properties", `
a.sources = r
a.channels = c d
a.sinks = k h
a.sources.r.type = TAILDIR
a.sources.r.filegroups = f
a.sources.r.filegroups.f = ${IN_PATH}/a.log
a.sources.r.interceptors = i
a.sources.r.interceptors.i.type = static
a.sources.r.interceptors.i.key = stage
a.sources.r.interceptors.i.value = ${env:IN_STAGE}
a.sources.r.channels = c d
a.channels.c.type = file
a.channels.d.type = file
a.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink
a.sinks.k.channel = c
a.sinks.k.kafka.bootstrap.servers = ${IN_HOST}:9092
a.sinks.k.kafka.topic = ${IN_TOPIC}
a.sinks.h.type = hdfs
a.sinks.h.channel = d
a.sinks.h.hdfs.path = s3a://${IN_BUCKET}/${IN_DIR}/%Y
`, nil},
		"logstash": {".conf", `
input {
  file { path => "${IN_PATH}/a.log" tags => ["${IN_TAG}"] }
  tcp { port => "${IN_PORT:5000}" }
}
filter {
  mutate { add_field => { "stage" => "${IN_STAGE:test}" } }
  if [level] == "${IN_LEVEL}" { drop { } }
  grok { match => { "message" => "%{WORD:a} ${IN_RE}" } }
}
output {
  kafka {
    bootstrap_servers => "${IN_HOST}:9092"
    topic_id => "${IN_TOPIC}-%{type}"
    sasl_jaas_config => "x required username='${IN_USER}' password='${IN_PASSWORD}';"
    security_protocol => "SASL_SSL"
    sasl_mechanism => "PLAIN"
  }
  s3 { bucket => "${IN_BUCKET}" prefix => "${IN_DIR}/%{+YYYY}" }
}
`, []string{`env("IN_STAGE", "test")`}},
		"promtail": {".yaml", `
server: {http_listen_port: 9080}
clients: [{url: "http://loki/push"}]
scrape_configs:
- job_name: a
  static_configs:
  - labels: {__path__: "${IN_PATH}/*.log", stage: "${IN_STAGE:-test}"}
  pipeline_stages:
  - static_labels: {owner: "${IN_OWNER}"}
  - drop: {source: level, value: "${IN_LEVEL}"}
- job_name: b
  syslog: {listen_address: "0.0.0.0:${IN_PORT}"}
`, []string{`env("IN_STAGE", "test")`}},
		"rsyslog": {".conf", "" +
			"input(type=\"imfile\" file=`echo $IN_PATH/a.log` tag=`echo $IN_TAG`)\n" +
			"if $msg contains getenv(\"IN_WORD\") then {\n" +
			"  action(type=\"omkafka\" broker=[`echo $IN_HOST:9092`, \"other:9092\"] topic=`echo ${IN_TOPIC}`\n" +
			"    confParam=[\"sasl.mechanism=PLAIN\", `echo sasl.username=$IN_USER`, `echo sasl.password=$IN_PASSWORD`])\n" +
			"}\n" +
			"if $msg == `echo $IN_TEXT` then { action(type=\"omfile\" file=`echo $IN_DIR/x`) }\n",
			nil},
		"secor": {".properties", `
kafka.seed.broker.host=${IN_HOST}
secor.kafka.group=${env:IN_GROUP}
secor.kafka.topic_filter=${IN_TOPIC}
secor.message.parser.class=com.pinterest.secor.parser.OffsetMessageParser
secor.file.reader.writer.factory=com.pinterest.secor.io.impl.DelimitedTextFileReaderWriterFactory
secor.s3.bucket=${IN_BUCKET}
secor.s3.path=${IN_DIR}/raw
aws.access.key=${IN_KEY}
aws.secret.key=${IN_SECRET}
`, nil},
		"vector": {".yaml", `
sources:
  in: {type: file, include: ["${IN_PATH}/*.log"]}
  net: {type: socket, mode: tcp, address: "0.0.0.0:$IN_PORT"}
transforms:
  t:
    type: remap
    inputs: [in, net]
    source: |
      .stage = get_env_var!("IN_STAGE")
      .owner = "${IN_OWNER-nobody}"
      if .level == "$IN_LEVEL" { abort }
sinks:
  k:
    type: kafka
    inputs: [t]
    bootstrap_servers: "${IN_HOST:?no host}:9092"
    topic: "${IN_TOPIC:-logs}-{{ stage }}"
    sasl: {enabled: true, mechanism: PLAIN, username: "$IN_USER", password: "${IN_PASSWORD}"}
  s:
    type: aws_s3
    inputs: [t]
    bucket: "${IN_BUCKET}"
    region: "${IN_REGION}"
    key_prefix: "${IN_DIR}/%F"
  h:
    type: http
    inputs: [t]
    uri: "http://$IN_SERVER/"
    encoding: {codec: json}
    request: {headers: {X-Stage: "${IN_HEADER}"}}
`, []string{`env("IN_TOPIC", "logs")`, `env("IN_OWNER", "nobody")`, `env("IN_HOST")`}},
	} {
		t.Run(tool, func(t *testing.T) {
			t.Parallel()
			r := converted(t, tool, c.ext, c.text)
			hcl := comment.ReplaceAllString(string(r.HCL), "")
			for _, name := range regexp.MustCompile(`IN_[A-Z]+`).FindAllString(c.text, -1) {
				if !strings.Contains(hcl, `env("`+name+`"`) {
					t.Errorf("%s is not asked for", name)
				}
			}
			for _, want := range c.also {
				if !strings.Contains(hcl, want) {
					t.Errorf("there is no %s", want)
				}
			}
			if strings.Contains(hcl, "$${") || strings.Contains(hcl, "#{") {
				t.Error("a reference has become text")
			}
			for _, problem := range newValidator(t).problems(r.HCL) {
				t.Error(problem)
			}
			if t.Failed() {
				t.Logf("%s\n%s", r.HCL, summary(r))
			}
		})
	}
}
