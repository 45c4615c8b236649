package convert_test

import (
	"strings"
	"testing"
)

// What decides where data goes, and is not carried over, makes a result that is not complete, so
// that the command ends with exit code 1. Each text has one place, which makes it complete or not.
func TestWhatDecidesWhereDataGoesMakesResultsIncomplete(t *testing.T) {
	t.Parallel()
	for tool, c := range map[string]struct {
		ext, text, complete string
		incomplete          []string
	}{
		"fluentd": {
			".conf",
			"<source>\n@type forward\n</source>\nX\n",
			"<filter **>\n@type record_transformer\nenable_ruby\n<record>\nx ${record['a'] + 1}\n</record>\n" +
				"</filter>\n<match **>\n@type kafka2\nbrokers k:9092\ndefault_topic t\n</match>",
			[]string{
				"<match **>\n@type mongo\n</match>",
				"<match **>\n@type kafka2\nbrokers k:9092\ndefault_topic \"#{x}\"\n</match>",
				"<match **>\n@type kafka2\nbrokers k:9092\nnew_topic t\n</match>",
				"<match \"#{x}\">\n@type stdout\n</match>",
				"<match a>\n@type rewrite_tag_filter\n</match>\n<match **>\n@type stdout\n</match>",
				"<source>\n@type snmp\n</source>\n<match **>\n@type stdout\n</match>",
				"<filter **>\n@type mine\n</filter>\n<match **>\n@type stdout\n</match>",
				"<match **>\n@type s3\n</match>",
				"<source>\n@type tail\ntag t\npath /a\n</source>\n<source>\n@type tail\ntag t\npath /b\n" +
					"format csv\nkeys a\n</source>\n<match **>\n@type stdout\n</match>",
			},
		},
		"fluent-bit": {
			".conf", "[INPUT]\n name forward\nX\n",
			"[OUTPUT]\n name kafka\n match *\n brokers k:9092\n topics t",
			[]string{
				"[OUTPUT]\n name bigquery\n match *",
				"[OUTPUT]\n name kafka\n match *\n brokers k:9092\n topics t\n new_topic x",
				"[OUTPUT]\n name stdout\n match_regex (?!x)",
				"[INPUT]\n name mqtt\n[OUTPUT]\n name stdout\n match *",
				"[FILTER]\n name rewrite_tag\n match *\n rule $a ^(b)x c.$1 false\n[OUTPUT]\n name stdout\n match *",
				"[INPUT]\n name tail\n path /a\n tag t\n[INPUT]\n name tail\n path /b\n tag t\n parser json\n" +
					"[OUTPUT]\n name stdout\n match *",
				"[FILTER]\n name lua\n match *\n script x.lua\n call f\n[OUTPUT]\n name stdout\n match *",
			},
		},
		"filebeat": {
			".yml", "filebeat.inputs: [{type: tcp, host: \"0.0.0.0:1\"X}]\nY\n",
			"|output.kafka: {hosts: [\"k:9092\"], topic: t}",
			[]string{
				"|output.redis: {hosts: [r]}",
				"|output.kafka: {hosts: [\"k:9092\"], topic: t, new_topic: x}",
				"|output.kafka: {hosts: [\"k:9092\"]}",
				"}, {type: mqtt|output.console: {pretty: false}",
				"|processors: [{drop_event: {when: {mine: {a: b}}}}]\noutput.console: {pretty: false}",
				"|processors: [{script: {lang: javascript, source: x}}]\noutput.console: {pretty: false}",
			},
		},
		"flume": {
			".properties",
			"a.sources = r\na.channels = c\na.sinks = k\na.sources.r.type = netcat\n" +
				"a.sources.r.bind = 0.0.0.0\na.sources.r.port = 1\na.sources.r.channels = c\n" +
				"a.channels.c.type = file\na.sinks.k.channel = c\nX\n",
			"a.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink\n" +
				"a.sinks.k.kafka.bootstrap.servers = k:9092\na.sinks.k.kafka.topic = t",
			[]string{
				"a.sinks.k.type = hbase2",
				"a.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink\n" +
					"a.sinks.k.kafka.bootstrap.servers = k:9092\na.sinks.k.kafka.topic = t\n" +
					"a.sinks.k.kafka.new_topic = x",
				"a.sinks.k.type = logger\na.sources.r.interceptors = i\n" +
					"a.sources.r.interceptors.i.type = com.example.Mine",
				"a.sinks.k.type = logger\na.sources.r.selector.type = com.example.Mine",
			},
		},
		"logstash": {
			".conf", "input { stdin { } }\nX\n",
			"output { kafka { bootstrap_servers => \"k:9092\" topic_id => \"t\" codec => json } }",
			[]string{
				"output { redis { host => \"r\" } }",
				"output { kafka { bootstrap_servers => \"k:9092\" topic_id => \"t\" new_topic => \"x\" } }",
				"filter { ruby { code => \"x\" } } output { stdout { } }",
				"output { if [a] =~ /(?!x)/ { stdout { } } }",
				"input { jdbc { } } output { stdout { } }",
			},
		},
		"promtail": {
			".yaml",
			"scrape_configs: [{job_name: a, static_configs: [{labels: {__path__: /a}}]X}]\n",
			"",
			[]string{
				", relabel_configs: [{source_labels: [a], action: drop, regex: x}]",
				", pipeline_stages: [{mine: {a: b}}]",
				", new_path: x",
			},
		},
		"rsyslog": {
			".conf", "input(type=\"imfile\" file=\"/a\" tag=\"a\")\nX\n",
			"action(type=\"omfile\" file=\"/b\")",
			[]string{
				"action(type=\"ommysql\" server=\"db\")",
				"action(type=\"omfile\" file=\"/b\" new_path=\"x\")",
				"if lookup('x', $msg) == 'y' then { action(type=\"omfile\" file=\"/b\") }",
				"mine.* /var/log/x",
				"call nowhere",
				"input(type=\"imrelp\")\naction(type=\"omfile\" file=\"/b\")",
			},
		},
		"secor": {
			".properties",
			"kafka.seed.broker.host=k\nsecor.kafka.group=g\nsecor.kafka.topic_filter=t\n" +
				"secor.s3.bucket=b\nsecor.s3.path=p\nsecor.max.file.age.seconds=60\n" +
				"message.timestamp.name=ts\n" +
				"secor.message.parser.class=com.pinterest.secor.parser.Iso8601MessageParser\n" +
				"secor.file.reader.writer.factory=" +
				"com.pinterest.secor.io.impl.DelimitedTextFileReaderWriterFactory\nX\n",
			"",
			[]string{
				"secor.message.parser.class=com.example.Mine", "secor.new.path=x",
				"secor.message.transformer.class=com.example.Mine",
				"secor.upload.manager.class=com.example.Mine",
			},
		},
		"vector": {
			".yaml", "sources: {in: {type: stdin}X}\nY\n",
			"|sinks: {o: {type: kafka, inputs: [in], bootstrap_servers: \"k:9092\", topic: t, encoding: {codec: json}}}",
			[]string{
				"|sinks: {o: {type: loki, inputs: [in]}}",
				"|sinks: {o: {type: kafka, inputs: [in], bootstrap_servers: \"k:9092\", topic: t, new_topic: x}}",
				"|sinks: {o: {type: kafka, inputs: [in], bootstrap_servers: \"k:9092\"}}",
				"|transforms: {t: {type: lua, inputs: [in]}}\nsinks: {o: {type: console, inputs: [t]}}",
				"|transforms: {t: {type: filter, inputs: [in], condition: mine(.a)}}\nsinks: {o: {type: console, inputs: [t]}}",
				"|transforms: {t: {type: remap, inputs: [in], source: .a = mine(.b)}}\nsinks: {o: {type: console, inputs: [t]}}",
				", x: {type: amqp}|sinks: {o: {type: console, inputs: [in, x]}}",
				"|sinks: {o: {type: console, inputs: [nowhere]}}",
			},
		},
	} {
		left := func(t *testing.T, part string) int {
			x, y, two := strings.Cut(part, "|")
			text := strings.Replace(c.text, "X", x, 1)
			if two {
				text = strings.Replace(text, "Y", y, 1)
			}
			r := converted(t, tool, c.ext, text)
			n := 0
			for _, note := range r.Notes {
				if note.Decides {
					n++
				}
			}
			if (n == 0) != r.Complete() {
				t.Errorf("%d are left out, and complete is %t", n, r.Complete())
			}
			return n
		}
		t.Run(tool, func(t *testing.T) {
			t.Parallel()
			base := left(t, c.complete)
			if base > 0 && tool != "promtail" { // there is no output for Loki
				t.Errorf("incomplete with\n%s", c.complete)
			}
			for _, part := range c.incomplete {
				if left(t, part) <= base {
					t.Errorf("complete with\n%s", part)
				}
			}
		})
	}
}
