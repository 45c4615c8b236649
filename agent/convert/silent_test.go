package convert_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/convert"
)

// converted converts a text.
func converted(t *testing.T, tool, ext, text string) *convert.Result {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main"+ext)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	result, err := convert.Convert(tool, []string{file})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// convertedIn converts a text that stands beside the other files of a directory.
func convertedIn(t *testing.T, tool, dir, name, text string) *convert.Result {
	t.Helper()
	own := t.TempDir()
	if err := os.CopyFS(own, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(own, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	result, err := convert.Convert(tool, []string{file})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func summary(r *convert.Result) string {
	var b bytes.Buffer
	r.WriteSummary(&b)
	return b.String()
}

// What a tool makes of a setting is in the result, or the summary says that it is not.
func TestNothingChangesSilently(t *testing.T) {
	t.Parallel()
	vector := func(program string) string {
		return "sources: {in: {type: stdin}}\n" +
			"transforms: {t: {type: remap, inputs: [in], source: '" + program + "'}}\n" +
			"sinks: {out: {type: console, inputs: [t], encoding: {codec: json}}}\n"
	}
	for name, c := range map[string]struct {
		tool, ext, text string
		hcl, told       []string // what is to be there
	}{
		"fluentd comment behind paths": {
			"fluentd", ".conf",
			"<source>\n@type tail\npath /a.log,/b.log # the app\ntag a\n</source>\n" +
				"<match **>\n@type stdout\n</match>\n",
			[]string{`["/a.log", "/b.log"]`}, nil,
		},
		"fluentd comments within a list": {
			"fluentd", ".conf",
			"<source>\n@type tail\npath /a.log\nexclude_path [\"/a#b.gz\", # packed\n" +
				"\"/c.zip\"] # too\ntag a\n</source>\n<match **>\n@type stdout\n</match>\n",
			[]string{`["/a#b.gz", "/c.zip"]`}, nil,
		},
		"fluent-bit parsers that nothing names, and files of them that are not here": {
			"fluent-bit", ".conf",
			"[SERVICE]\n parsers_file /nowhere/parsers.conf\n[PARSER]\n name mine\n format regex\n" +
				" regex ^(?<a>.)\n time_keep on\n[INPUT]\n name tail\n path /a.log\n parser json\n" +
				"[OUTPUT]\n name kafka\n match *\n brokers k:9092\n topics t\n rdkafka.batch.size 1\n",
			[]string{`topic = "t"`},
			[]string{
				"left out: PARSER mine: nothing names it",
				"left out: parsers_file /nowhere/parsers.conf: there is no such file here",
				"left out: rdkafka.batch.size 1",
			},
		},
		"fluent-bit docker after java": {
			"fluent-bit", ".conf",
			"[INPUT]\n name tail\n path /a.log\n multiline.parser java, docker\n" +
				"[OUTPUT]\n name stdout\n match *\n",
			[]string{"container ", `presets = ["java"]`}, nil,
		},
		"fluent-bit a parser that there is not": {
			"fluent-bit", ".conf",
			"[INPUT]\n name tail\n path /a.log\n multiline.parser cri, mine\n" +
				"[OUTPUT]\n name stdout\n match *\n",
			[]string{"container"}, []string{"mine: there is no such parser"},
		},
		"fluent-bit two parsers of one's own": {
			"fluent-bit", ".conf",
			"[MULTILINE_PARSER]\n name a\n rule \"start_state\" \"/^A/\" \"cont\"\n" +
				"[MULTILINE_PARSER]\n name b\n rule \"start_state\" \"/^B/\" \"cont\"\n" +
				"[INPUT]\n name tail\n path /a.log\n multiline.parser a, b, cri\n" +
				"[OUTPUT]\n name stdout\n match *\n",
			[]string{"container", `"^A"`}, []string{"LEFT OUT: multiline.parser a, b, cri: b:"},
		},
		"Vector a share that no sink gets, one that some sinks get, and all outputs of a route": {
			"vector", ".yaml",
			"sources: {in: {type: syslog, address: \"0.0.0.0:1\", mode: udp}}\n" +
				"transforms:\n  none: {type: sample, inputs: [in], rate: 10}\n" +
				"  some: {type: sample, inputs: [in], rate: 20}\n" +
				"  r: {type: route, inputs: [in], route: {a: '.appname == \"a\"', b: '.appname == \"b\"'}}\n" +
				"sinks:\n  o: {type: console, inputs: [some, \"r.*\"], encoding: {codec: json}}\n",
			[]string{`app_name = "appname"`, `if = "field.appname == 'b'"`},
			[]string{
				"left out: transforms.none: no sink gets what it makes",
				"LEFT OUT: transforms.some: some outputs get the events without it",
			},
		},
		"Vector routes whose transforms change what they ask": {
			"vector", ".yaml",
			"sources: {in: {type: stdin}}\ntransforms:\n" +
				"  r: {type: route, inputs: [in], route: {a: '.level == \"x\"'}}\n" +
				"  m: {type: remap, inputs: [r.a], source: '.level = \"y\"'}\n" +
				"  f: {type: filter, inputs: [in], condition: '.k == 1'}\n" +
				"  n: {type: remap, inputs: [f], source: '.k = 2'}\n" +
				"sinks:\n  o: {type: console, inputs: [m], encoding: {codec: json}}\n" +
				"  p: {type: file, path: /b, inputs: [r._unmatched], encoding: {codec: json}}\n" +
				"  q: {type: file, path: /c, inputs: [n], encoding: {codec: json}}\n",
			[]string{
				`if = "field.level == 'x'"`, `if = "header.lane_1 == '1'" fields = { level = "'y'" }`,
				`if = "header.lane_1 == '1'" to = [output.stdout.o]`, `if = "header.lane_1 == nil"`,
				`if = "header.lane_2 == '1'" fields = { k = "2" }`,
			}, nil,
		},
		"Vector branches that change what they ask": {
			"vector", ".yaml", vector(
				"if .a == \"x\" {\n\n.a = \"y\"\n\n.b = 1\n\n} else if .a == \"y\" {\n\n.c = 1\n\n}",
			),
			[]string{
				`if = "field.a == 'x' and header.branch_1 == nil"`,
				`if = "header.branch_1 == '1'" fields = { b = "1" }`, `if = "header.branch_1 == '2'"`,
			}, nil,
		},
		"Filebeat branches that change what they ask": {
			"filebeat", ".yml",
			"filebeat.inputs: [{type: tcp, host: \"0.0.0.0:1\"}]\nprocessors:\n- if: {equals: {a: x}}\n" +
				"  then:\n  - rename: {fields: [{from: a, to: b}]}\n  - add_fields: {target: '', fields: {c: 1}}\n" +
				"  else:\n  - add_fields: {target: '', fields: {d: 1}}\noutput.console: {pretty: false}\n",
			[]string{
				`if = "field.a == 'x' and header.branch_1 == nil"`, `if = "header.branch_1 == '1'" fields = { c = 1 }`,
				`if = "header.branch_1 == '2'" fields = { d = 1 }`,
			}, nil,
		},
		"Vector a time of a field": {
			"vector", ".yaml", vector(".timestamp = .ts"),
			[]string{`filter "time"`}, []string{"no field"},
		},
		"Vector a time that is parsed": {
			"vector", ".yaml", vector(`.timestamp = parse_timestamp!(.ts, "%Y-%m-%dT%H:%M:%S%.3f%z")`),
			[]string{`"%Y-%m-%dT%H:%M:%S.%f%z"`}, []string{"no field"},
		},
		"Vector a time that is worked out": {
			"vector", ".yaml", vector(".timestamp = to_string(.ts)"),
			nil, []string{"LEFT OUT"},
		},
		"Vector files that are read from their end and removed": {
			"vector", ".yaml",
			"sources: {in: {type: file, include: [/a.log], read_from: end, remove_after_secs: 60}}\n" +
				"sinks: {out: {type: console, inputs: [in], encoding: {codec: text}}}\n",
			nil, []string{"LEFT OUT: sources.in.remove_after_secs"},
		},
		"Vector dollars that begin no reference": {
			"vector", ".yaml",
			"sources: {in: {type: file, include: [\"/$$a/${DIR}.log\", '/$${b}.log']}}\n" +
				"sinks: {out: {type: console, inputs: [in], encoding: {codec: text}}}\n",
			[]string{`["/$a/${env("DIR")}.log", "/$${b}.log"]`}, nil,
		},
		"rsyslog commands, and includes of nothing": {
			"rsyslog", ".conf",
			"$IncludeConfig /nowhere/*.conf\n# all of it\n" +
				"input(type=\"imfile\" file=`echo $APP_LOG` tag=\"a\")\n" +
				"action(type=\"omkafka\" broker=`cat /etc/brokers` topic=\"b\")\n",
			[]string{`# all of it input "tail"`, `paths = [env("APP_LOG")]`, `topic = "b"`},
			[]string{"LEFT OUT: include /nowhere/*.conf", "LEFT OUT: brokers = `cat /etc/brokers`"},
		},
		"fluentd includes of nothing": {
			"fluentd", ".conf",
			"@include /nowhere/*.conf\n<source>\n@type forward\n</source>\n" +
				"<match **>\n@type stdout\n</match>\n",
			nil, []string{"LEFT OUT: @include /nowhere/*.conf"},
		},
		"fluentd includes and parsers by the environment": {
			"fluentd", ".conf",
			"@include \"#{ENV['X'] || '/nowhere/systemd'}.conf\"\n<source>\n@type tail\npath /a.log\n" +
				"exclude_path \"#{ENV['X'] || use_default}\"\ntag a.\"#{ENV['T']}\"\n<parse>\n" +
				"@type \"#{ENV['P'] || 'ltsv'}\"\n</parse>\n</source>\n<match **>\n@type stdout\n</match>\n",
			[]string{`value_separator = ":"`},
			[]string{
				"changed: @type #{ENV['P'] || 'ltsv'}: a variable decides this",
				"changed: exclude_path #{ENV['X'] || use_default}: a variable decides this",
				"LEFT OUT: @include /nowhere/systemd.conf",
			},
		},
		"fluentd tags of the machine": {
			"fluentd", ".conf",
			"<source>\n@type tail\npath /a.log\ntag \"a.#{Socket.gethostname}\"\n<parse>\n@type ltsv\n" +
				"</parse>\n</source>\n<source>\n@type forward\n</source>\n<match **>\n@type stdout\n</match>\n",
			[]string{`if = "tag matches '^(?:a(?:[.].*)?)$'" format = "key_value"`}, nil,
		},
		"fluentd tags of a facility": {
			"fluentd", ".conf",
			"<source>\n@type syslog\ntag system\n</source>\n<match system.authpriv.**>\n@type stdout\n" +
				"</match>\n<match system.**>\n@type null\n</match>\n",
			nil, []string{"LEFT OUT: <match system.authpriv.**> system.authpriv.**: the tag is system for all"},
		},
		"fluentd lines of a runtime": {
			"fluentd", ".conf",
			"<source>\n@type tail\npath /var/log/containers/*.log\ntag k.*\n<parse>\n@type cri\n</parse>\n" +
				"</source>\n<match **>\n@type stdout\n</match>\n",
			[]string{`pattern = "^(?P<time>[^ ]+) (?P<stream>stdout|stderr) `, `filter "time"`}, nil,
		},
		"rsyslog conditions beside others": {
			"rsyslog", ".conf",
			"input(type=\"imudp\" port=\"514\")\nif ($msg contains 'a') or ($msg contains 'b') then {\n" +
				"if $hostname == 'x' then /var/x\n}\n:msg, regex, \"^a\\+(\" /var/y\n" +
				":msg, startswith, \" c\" /var/z\n",
			[]string{
				`"(( field.message contains 'a' ) or ( field.message contains 'b' )) and field.hostname == 'x'"`,
				`matches '^a+\\\\('`, `startsWith 'c'`,
			}, nil,
		},
		"rsyslog tags of two rulesets": {
			"rsyslog", ".conf",
			"input(type=\"imtcp\" port=\"1\" ruleset=\"a\")\ninput(type=\"imtcp\" port=\"2\" ruleset=\"b\")\n" +
				"ruleset(name=\"a\") {\naction(type=\"omfile\" file=\"/a\")\n}\n" +
				"ruleset(name=\"b\") {\naction(type=\"omfile\" file=\"/b\")\n}\n",
			[]string{`if = "tag == 'syslog'" to = [output.file.file]`, `"tag == 'syslog_2'"`}, nil,
		},
		"fluentd a secondary of a bucket": {
			"fluentd", ".conf",
			"<source>\n@type forward\n</source>\n<match **>\n@type s3\ns3_bucket b\n" +
				"<secondary>\n@type file\npath /var/x\n</secondary>\n</match>\n",
			nil, []string{"LEFT OUT: <secondary> file: an archive fails over to nothing"},
		},
		"fluentd TLS without a certificate": {
			"fluentd", ".conf",
			"<source>\n@type forward\n<transport tls>\nca_path /ca.pem\n</transport>\n</source>\n" +
				"<match **>\n@type stdout\n</match>\n",
			nil, []string{"LEFT OUT: <transport tls>: it names no certificate"},
		},
		"fluent-bit TLS without a certificate": {
			"fluent-bit", ".conf",
			"[INPUT]\n name forward\n tls on\n[OUTPUT]\n name stdout\n match *\n",
			nil, []string{"LEFT OUT: INPUT forward tls: it names no certificate"},
		},
		"Flume failover to another cluster": {
			"flume", ".properties",
			"a.sources = r\na.channels = c\na.sinks = k l\na.sinkgroups = g\n" +
				"a.sources.r.type = netcat\na.sources.r.bind = 0.0.0.0\na.sources.r.port = 1\n" +
				"a.sources.r.channels = c\na.channels.c.type = file\n" +
				"a.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink\na.sinks.k.channel = c\n" +
				"a.sinks.k.kafka.bootstrap.servers = k:9092\na.sinks.k.kafka.topic = a\n" +
				"a.sinks.l.type = org.apache.flume.sink.kafka.KafkaSink\na.sinks.l.channel = c\n" +
				"a.sinks.l.kafka.bootstrap.servers = l:9092\na.sinks.l.kafka.topic = a\n" +
				"a.sinkgroups.g.sinks = k l\na.sinkgroups.g.processor.type = failover\n",
			[]string{`failover { to = output.kafka.l }`}, nil,
		},
		"Flume a channel that is a topic, which no source writes to": {
			"flume", ".properties",
			"a.sources =\na.channels = c\na.sinks = k\n" +
				"a.channels.c.type = org.apache.flume.channel.kafka.KafkaChannel\n" +
				"a.channels.c.kafka.bootstrap.servers = k:9092\na.channels.c.kafka.topic = t\n" +
				"a.channels.c.kafka.consumer.group.id = g\na.channels.c.parseAsFlumeEvent = false\n" +
				"a.sinks.k.type = logger\na.sinks.k.channel = c\n",
			[]string{`input "kafka" "c"`, `topics = ["t"]`, `group = "g"`, `to = [output.stdout.k]`}, nil,
		},
		"Flume headers that no source sets": {
			"flume", ".properties",
			"a.sources = r s\na.channels = c\na.sinks = k\na.sources.r.type = exec\n" +
				"a.sources.r.command = tail -F /a.log\na.sources.r.channels = c\n" +
				"a.sources.s.type = syslogtcp\na.sources.s.port = 1\na.sources.s.channels = c\n" +
				"a.channels.c.type = memory\na.sinks.k.type = hdfs\na.sinks.k.channel = c\n" +
				"a.sinks.k.hdfs.path = s3a://b/%{Severity}/%y/%m/%d\n",
			[]string{`path = "${field.severity}/${strftime("%y/%m/%d")}"`},
			[]string{"LEFT OUT: %{Severity}: records of r have no such header", "records are objects"},
		},
		"Vector records by the forward protocol, whose tags begin with what the source is called": {
			"vector", ".yaml",
			"sources: {in: {type: fluent, address: \"0.0.0.0:1\"}, x: {type: stdin}}\nsinks:\n" +
				"  o: {type: console, inputs: [in], encoding: {codec: json}}\n" +
				"  p: {type: file, path: /b, inputs: [x], encoding: {codec: json}}\n",
			[]string{`if = "tag[0] == 'in'"`, `if = "tag == 'x'"`}, nil,
		},
		"promtail files of pods, by rules that choose and name": {
			"promtail", ".yaml",
			"clients: [{url: http://loki/}]\nscrape_configs:\n- job_name: a\n" +
				"  kubernetes_sd_configs: [{role: pod}]\n  relabel_configs:\n" +
				"  - {source_labels: [__meta_kubernetes_namespace], regex: \"kube-.*\", action: drop}\n" +
				"  - {source_labels: [__meta_kubernetes_pod_label_k8s_app], target_label: app}\n" +
				"  - {source_labels: [__meta_kubernetes_pod_name], regex: \"(.)x(.)\", target_label: b, " +
				"replacement: $2}\n" +
				"  - {source_labels: [__meta_kubernetes_pod_name]}\n  pipeline_stages: [{cri: {}}]\n",
			[]string{
				"container = true", `if = "(header.namespace ?? '') matches '^(?:kube-.*)$'"`,
				`app = "header['labels.k8s-app']"`,
			},
			[]string{
				"LEFT OUT: scrape_configs.relabel_configs __meta_kubernetes_pod_name (.)x(.): no part",
				"LEFT OUT: scrape_configs.relabel_configs __meta_kubernetes_pod_name: target_label says",
			},
		},
		"promtail stages behind one that makes an object of the line": {
			"promtail", ".yaml",
			"clients: [{url: http://loki/}]\nscrape_configs:\n- job_name: a\n" +
				"  static_configs: [{labels: {__path__: /a.log}}]\n" +
				"  pipeline_stages: [{regex: {expression: \"^(?P<a>.)\"}}, {drop: {expression: x}}, " +
				"{regex: {expression: \"(?P<b>.)$\"}}, {replace: {expression: \"p=(.)\", replace: y}}, " +
				"{template: {source: c, template: '{{ Replace .a \"m\" \"n\" -1 | ToUpper }}!'}}, " +
				"{multiline: {firstline: \"^x\"}}]\n",
			[]string{
				`if = "(field.message ?? value) matches 'x'"`, `field = "message" keep = "message"`,
				`pattern = "(p=)(?:.)" with = "$${1}y"`,
				`c = "upper(replace(field.a, 'm', 'n')) + '!'"`,
			}, nil,
		},
		"promtail a path whose parts are labels, times with a comma, drops that need an age": {
			"promtail", ".yaml",
			"clients: [{url: http://loki/}]\nscrape_configs:\n- job_name: a\n" +
				"  static_configs: [{labels: {__path__: /a.log}}]\n" +
				"  pipeline_stages: [{regex: {source: filename, expression: \"/(?P<a>.)\"}}, {labels: {a: }}, " +
				"{regex: {expression: \"^(?P<t>.*)\"}}, {timestamp: {source: t, format: \"15:04:05,000\"}}, " +
				"{drop: {older_than: 1h, expression: x}}]\n",
			[]string{`path_pattern = "/(?P<a>.)"`, `formats = ["%H:%M:%S,%f"]`},
			[]string{"LEFT OUT: scrape_configs.pipeline_stages.drop: old records pass"},
		},
		"Secor includes of nothing, and what a deterministic upload does not look at": {
			"secor", ".properties",
			"include=nowhere.properties\nsecor.kafka.topic_filter=(a|b)_.*\nsecor.s3.bucket=b\n" +
				"secor.upload.deterministic=true\nsecor.max.input.payload.size.bytes=1024\n" +
				"secor.max.file.age.seconds=60\nkafka.new.consumer.session.timeout.ms=5000\n",
			[]string{`topics_regex = ["^(a|b)_.*$"]`, `size = "1KiB"`, `session_timeout = "5s"`},
			[]string{"LEFT OUT: include=", "left out: secor.max.file.age.seconds=60: a deterministic"},
		},
		"Vector a setting of Kafka that is refused, without the rest of its output": {
			"vector", ".yaml",
			"sources: {in: {type: stdin}}\nsinks: {o: {type: kafka, inputs: [in], " +
				"bootstrap_servers: k, topic: t, encoding: {codec: json}, " +
				"librdkafka_options: {linger.ms: \"900000\"}}}\n",
			[]string{`output "kafka" "o"`, `topic = "t"`}, []string{"LEFT OUT: linger = "},
		},
		"rsyslog what nothing leads to or uses, and a ruleset that calls itself": {
			"rsyslog", ".conf",
			"include(file=\"/nowhere/*.conf\" mode=\"optional\")\n" +
				"template(name=\"t\" type=\"list\") { property(name=\"msg\" outname=\"m\") }\n" +
				"input(type=\"imudp\" port=\"514\" ruleset=\"a\")\n" +
				"ruleset(name=\"a\") {\naction(type=\"omfile\" file=\"/a\")\ncall a\n}\n" +
				"ruleset(name=\"b\") {\naction(type=\"omfile\" file=\"/b\" template=\"t\")\n}\n",
			[]string{`output "file"`},
			[]string{
				"left out: include /nowhere/*.conf: no files", "left out: template: nothing that was",
				"LEFT OUT: ruleset: no input leads to ruleset b", "LEFT OUT: call a",
			},
		},
		"Vector OTLP by gRPC": {
			"vector", ".yaml",
			"sources: {in: {type: opentelemetry, http: {address: \"0.0.0.0:4318\"}, " +
				"grpc: {address: \"0.0.0.0:4317\"}}}\n" +
				"sinks: {o: {type: console, inputs: [in.logs], encoding: {codec: json}}}\n",
			nil, []string{"left out: sources.in.grpc: OTLP comes by HTTP alone"},
		},
		"Vector what is done where a statement has failed, and where not": {
			"vector", ".yaml", vector(
				"p, err = parse_regex(.message, r''(?<a>.)'')\n\nif err != null {\n\n.b = err\n\n} else {\n\n. = merge(., p)\n\n.c = 1\n\n}",
			),
			[]string{
				`on_failure = "mark"`, `if = "header.parse_error == nil" fields = { c = "1" }`,
				`if = "header.parse_error != nil" fields = { b = "header.parse_error" }`,
			}, nil,
		},
		"Vector values out of others": {
			"vector", ".yaml", vector(
				".a = to_int(.n) ?? 0\n\n.b = string!(.x || .y || \"z\")\n\n.c = split(.p, \"/\")[2]\n\n" +
					".d = if .l == \"E\" { 3 } else { 6 }\n\n.m = replace(.m, r''(a)b'', \"$1\")\n\n" +
					"v = downcase(.q)\n\n.e = v\n\n.q = 1\n\n.f = v\n\n" +
					".g = contains(.m, \"X\", case_sensitive: false)\n\n. = {\"a\": .a, \"h\": .b}",
			),
			[]string{
				`string(field.n ?? 0) matches '^[-+]?[0-9]+$') ? int(field.n ?? 0) : 0)"`,
				`c = "get(split(field.p, '/'), 2)"`,
				`b = "((field.x ?? false) != false ? field.x : (field.y ?? false) != false ? field.y : 'z')"`,
				`d = "(field.l == 'E' ? 3 : 6)"`, `pattern = "(a)b" with = "$${1}"`,
				`e = "lower(field.q)"`, `g = "(lower(field.m) contains lower('X'))"`, `h = "field.b"`,
				`filter "keep_fields" "t" { fields = ["a", "h"] }`,
			},
			[]string{"LEFT OUT: t: .f = v: the variable v is not known"},
		},
		"Logstash parts of events in paths of inputs and in a url, lines that go on, and what is no filter": {
			"logstash", ".conf",
			"input { file { path => \"/var/log/%{+YYYY}/%{[a]}.log\" codec => multiline { " +
				"pattern => \"\\\\$\" what => \"next\" } } file { path => \"/b\" codec => multiline { " +
				"pattern => \"^%{TIMESTAMP_ISO8601} \" negate => true what => \"previous\" } } }\n" +
				"filter { add_fields { env => \"x\" } dissect { mapping => { message => \"%{+a} %{[b][c]}\" } } }\n" +
				"output { http { url => \"http://h/%{type}\" } }\n",
			[]string{
				`"/var/log/*/*.log"`, `continue_after = "\\\\$"`, `start = "^(?:\\d{4}-`,
				`pattern = "(?s)^(?P<a>.*?) (?P<b_c>.*)$"`, `b_c = "b.c"`,
			},
			[]string{
				"changed: /var/log/%{+YYYY}/%{[a]}.log: files are found by globs",
				"LEFT OUT: add_fields: Logstash has it in mutate { }: write filter \"add_fields\" { fields",
				"LEFT OUT: http.url = http://h/%{type}: there is one url",
			},
		},
		"Filebeat what listens with a certificate, names by expression, dates in a file's path": {
			"filebeat", ".yml",
			"filebeat.inputs: [{type: syslog, protocol.tcp: {host: \"0.0.0.0:1\", " +
				"ssl: {certificate: /c, key: /k}}}]\nprocessors:\n- drop_fields: {fields: [a, /b.*/]}\n" +
				"- add_labels: {labels: {a.b: c}}\n" +
				"- dissect: {tokenizer: \"%{x.y} %{n|integer}\", target_prefix: d}\n" +
				"output.file: {path: /o, filename: \"f-%{+yyyy}\"}\n",
			[]string{
				`cert_file = "/c"`, `fields = ["a"]`, `"labels.a.b" = "c"`, `n = "int"`,
				`"d.x_y" = "d.x.y"`, `path = "/o/f-all"`,
			},
			[]string{"changed: processors.drop_fields.fields = /b.*/: it is matched", "LEFT OUT: path /o/f-%{+yyyy}: it is one"},
		},
		"rsyslog fields and variables that are set": {
			"rsyslog", ".conf",
			"input(type=\"imudp\" port=\"514\")\nset $!env = \"prod\";\nset $!a!b = 7;\nunset $!c;\n" +
				"set $.x = \"y\";\nset $!d = $msg;\naction(type=\"omfile\" file=\"/a\")\n",
			[]string{`env = "'prod'"`, `"a.b" = "7"`, `filter "remove_fields" "c" { fields = ["c"] }`},
			[]string{
				"LEFT OUT: set $.x = \"y\": there are no variables",
				"LEFT OUT: set $!d = $msg: write filter \"set\" { fields = { d =",
			},
		},
		"fluent-bit a tag of parts of the path, and where an address is": {
			"fluent-bit", ".conf",
			"[INPUT]\n name tail\n path /srv/*/a.log\n tag app.<team>.x\n" +
				" tag_regex /srv/(?<team>[a-z]+)/\n[INPUT]\n name forward\n[FILTER]\n name geoip2\n match app.*\n" +
				" database ${DB}\n lookup_key ip\n record country ip %{country.iso_code}\n" +
				"[OUTPUT]\n name stdout\n match app.*\n",
			[]string{
				`path_pattern = "/srv/(?P<team>[a-z]+)/"`, `tag = "app.${group.team}.x"`,
				`key = "field.ip"`, `country = "field.geoip2.country.iso_code"`,
				`filter "parse" "app_team_x" { if = "tag matches '^(?:app(?:[.].*)?)$'"`,
			}, nil,
		},
		"Filebeat a character set": {
			"filebeat", ".yml",
			"filebeat.inputs: [{type: log, paths: [/a], encoding: iso8859-2}]\n" +
				"output.console: {pretty: false}\n",
			[]string{`encoding = "iso-8859-2"`}, nil,
		},
		"Vector, fluent-bit and rsyslog settings of librdkafka": {
			"vector", ".yaml",
			"sources: {in: {type: kafka, bootstrap_servers: k, topics: [t], group_id: g, " +
				"librdkafka_options: {fetch.min.bytes: \"1\", group.instance.id: i}}}\nsinks: {o: {type: kafka, " +
				"inputs: [in], bootstrap_servers: k, topic: t, encoding: {codec: json}, " +
				"librdkafka_options: {request.timeout.ms: \"5000\", enable.idempotence: \"true\"}}}\n",
			[]string{`request_timeout = "5s"`, `instance_id = "i"`},
			[]string{
				"left out: sources.in.librdkafka_options.fetch.min.bytes = 1: see fetch_bytes",
				"left out: sinks.o.librdkafka_options.enable.idempotence = true: the producer is",
			},
		},
		"promtail stages that change what their match asks": {
			"promtail", ".yaml",
			"clients: [{url: http://loki/}]\nscrape_configs:\n- job_name: a\n" +
				"  static_configs: [{labels: {app: x, __path__: /a.log}}]\n" +
				"  pipeline_stages: [{match: {selector: '{app=\"x\"}', stages: [{labels: {app: b}}, " +
				"{drop: {expression: debug}}]}}]\n",
			[]string{
				`if = "(header['app'] ?? '') == 'x' and header.branch_1 == nil"`,
				`"header.branch_1 == '1' and value matches 'debug'"`,
			}, nil,
		},
		"fluent-bit times without a zone, and types that there are not": {
			"fluent-bit", ".conf",
			"[PARSER]\n name mine\n format regex\n regex ^(?<a>.) (?<t>.*)$\n types a:hex\n time_key t\n" +
				" time_format %Y %H\n time_offset +0200\n[INPUT]\n name tail\n path /a.log\n parser mine\n" +
				"[OUTPUT]\n name stdout\n match *\n",
			[]string{`zone = "Etc/GMT-2"`}, []string{"left out: types a:hex: there is no such type"},
		},
		"Logstash fields made of those that stand before them": {
			"logstash", ".conf",
			"input { stdin { } }\nfilter { mutate { replace => { \"a\" => \"x\" \"b\" => \"%{[a]}!\" } " +
				"add_field => { \"env\" => \"prod\" \"kind\" => \"%{type}\" \"all\" => \"%{kind}-%{env}\" } } }\n" +
				"output { stdout { } }\n",
			[]string{
				`{ fields = { a = "x" } }`, `{ fields = { b = "${field.a}!" } }`,
				`{ fields = { env = "prod" kind = "${field.type}" } }`,
				`{ fields = { all = "${field.kind}-${field.env}" } }`,
			}, nil,
		},
		"fluent-bit rules for tags that others give": {
			"fluent-bit", ".conf",
			"[INPUT]\n name forward\n[FILTER]\n name rewrite_tag\n match app\n rule $a ^(x)$ err.$TAG.y false\n" +
				" rule $b ^(x)$ copy.$TAG true\n[FILTER]\n name rewrite_tag\n match err.*\n" +
				" rule $c ^(x)$ page.$TAG[1] false\n[FILTER]\n name rewrite_tag\n match page.*\n" +
				" rule $c ^(x)$ page.$TAG false\n[FILTER]\n name rewrite_tag\n match copy.*\n" +
				" rule $c ^(x)$ z false\n[OUTPUT]\n name stdout\n match *\n",
			[]string{
				`if = "(header.new_tag ?? tag) matches '^(?:err(?:[.].*)?)$'`,
				`new_tag = "'page.' + split(header.new_tag ?? tag, '.')[1]"`,
			},
			[]string{
				"page.$TAG[1] false: rules for its new tag: what they give may come to them again",
				"copy.$TAG true: rules for its new tag: a copy gets no further tag",
			},
		},
		"promtail a layout of Go by its name": {
			"promtail", ".yaml",
			"clients: [{url: http://loki/}]\nscrape_configs:\n- job_name: a\n" +
				"  static_configs: [{labels: {__path__: /a.log}}]\n" +
				"  pipeline_stages: [{json: {expressions: {ts: ts}}}, {timestamp: {source: ts, format: ANSIC}}]\n",
			[]string{`formats = ["%a %b %e %H:%M:%S %Y", "%a %b %e %H:%M:%S.%f %Y"]`}, nil,
		},
		"Logstash names and values in lists, types that grok has not, nested fields": {
			"logstash", ".conf",
			"input { stdin { } }\nfilter { grok { match => { message => " +
				"\"%{INT:port:integer} %{IP:[source][ip]}\" } }\n" +
				"mutate { rename => [\"a\", \"b\"] convert => [\"n\", \"integer\"] split => [\"ip\", \":\"] }\n" +
				"date { match => [\"ts\", \"yyyy-MM-dd HH:mm:ss.SSSSSS\"] } }\noutput { stdout { } }\n",
			[]string{
				"%%{INT:port} %%{IP:source_ip}", `source_ip = "source.ip"`, `a = "b"`, `n = "int"`,
				`separator = ":"`, `"%Y-%m-%d %H:%M:%S.%f"`,
			}, nil,
		},
		"fluent-bit records that keep none of their fields": {
			"fluent-bit", ".conf",
			"[INPUT]\n name forward\n[FILTER]\n name record_modifier\n match *\n allowlist_key a\n" +
				"[OUTPUT]\n name stdout\n match *\n",
			[]string{`fields = ["a"]`, `if = "value == '{}'"`}, nil,
		},
		"fluentd maps in msgpack for Kafka, and where they cannot be": {
			"fluentd", ".conf",
			"<source>\n@type forward\n</source>\n<match a.**>\n@type kafka2\nbrokers k:9092\n" +
				"default_topic logs\n<format>\n@type msgpack\n</format>\n</match>\n<match b>\n" +
				"@type kafka_buffered\nbrokers k:9092\ndefault_topic old\noutput_data_type msgpack\n</match>\n" +
				"<match c>\n@type kafka2\nbrokers k:9092\ntopic_key t\n<format>\n@type msgpack\n</format>\n" +
				"</match>\n<match d>\n@type file\npath /d\n<format>\n@type msgpack\n</format>\n</match>\n",
			[]string{
				`topic = "logs" format = "msgpack"`, `topic = "old" format = "msgpack"`,
				`topic = "${field.t}" #`,
			},
			[]string{"23: changed: format msgpack: values leave as JSON", "30: changed: format msgpack"},
		},
		"fluent-bit maps in msgpack for Kafka, and where they cannot be": {
			"fluent-bit", ".conf",
			"[INPUT]\n name forward\n[OUTPUT]\n name kafka\n match a\n brokers k:9092\n topics logs\n" +
				" format msgpack\n[OUTPUT]\n name kafka\n match b\n brokers k:9092\n topics logs\n" +
				" format MsgPack\n message_key_field id\n",
			[]string{`${time} format = "msgpack"`},
			[]string{
				"3: changed: OUTPUT kafka timestamp_key @timestamp: the time is that",
				"14: changed: format MsgPack: values are JSON: in msgpack, topic and key are",
			},
		},
		"Logstash parts of an event into files by date": {
			"logstash", ".conf",
			"input { stdin { } }\nfilter { split { field => \"list\" } }\n" +
				"output { file { path => \"/var/log/%{+YYYY}/a.log\" } }\n",
			nil, []string{"LEFT OUT: filter.explode.split: it is refused"},
		},
		"what is refused beside a variable of the environment": {
			"fluentd", ".conf",
			"<source>\n@type forward\n</source>\n<match **>\n@type elasticsearch\n" +
				"host \"#{ENV['ES_HOST'] || 'es'}\"\nscheme parsed\n</match>\n",
			[]string{`urls = ["http://CHANGE-ME:9200"]`},
			[]string{`LEFT OUT: urls = ["parsed://`},
		},
		"Logstash a part of a text, and one of a list": {
			"logstash", ".conf",
			"input { stdin { } }\nfilter {\nif \"ELB\" in [agent] or [id] in [seen] { drop { } }\n" +
				"if \"a\" not in [b][c] or \"x\" in [tags] { drop { } }\n}\n" +
				"output { stdout { } }\n",
			[]string{
				`if = "(type(field.agent) == 'string' ? field.agent contains 'ELB' : 'ELB' in ` +
					`(field.agent ?? [])) or (type(field.seen) == 'string' ? field.seen contains ` +
					`string(field.id) : field.id in (field.seen ?? []))"`,
				`if = "not ((type(field.b.c) == 'string' ? field.b.c contains 'a' : 'a' in ` +
					`(field.b.c ?? []))) or 'x' in (field.tags ?? [])"`,
			}, nil,
		},
		"fluent-bit the old multiline mode, whose lines go on in the last part": {
			"fluent-bit", ".conf",
			"[PARSER]\n name first\n format regex\n regex ^(?<l>[A-Z]+) (?<message>.*)$\n" +
				"[PARSER]\n name other\n format regex\n regex ^(?<l>[A-Z]+) (?<n>\\d+) \n" +
				"[INPUT]\n name tail\n tag a\n path /a.log\n multiline on\n parser_firstline first\n" +
				"[INPUT]\n name tail\n tag b\n path /b.log\n multiline on\n parser_firstline other\n" +
				"[OUTPUT]\n name stdout\n match *\n",
			[]string{`start = "^(?P<l>[A-Z]+) (?P<message>.*)$"`, `"(?m)^(?P<l>[A-Z]+) (?P<message>(?s:.*))$"`},
			[]string{"LEFT OUT: parser_firstline other: lines behind the first are in no field"},
		},
		"fluent-bit objects within what is lifted": {
			"fluent-bit", ".conf",
			"[INPUT]\n name stdin\n[FILTER]\n name nest\n match *\n operation lift\n" +
				" nested_under k8s\n add_prefix k8s_\n[OUTPUT]\n name stdout\n match *\n",
			nil, []string{"changed: FILTER nest lift k8s: objects within it come to the top as well"},
		},
		"Filebeat a copy of another type, one that moves, and the journal": {
			"filebeat", ".yml",
			"filebeat.inputs: [{type: journald, id: j}]\nprocessors:\n" +
				"- convert: {fields: [{from: a, to: b, type: long}]}\n" +
				"- convert: {fields: [{from: c, to: d, type: long}], mode: rename}\n" +
				"output.console: {pretty: false}\n",
			[]string{
				`filter "set" "convert" { fields = { b = "field.a" } }`,
				`filter "rename_fields" "convert" { fields = { c = "d" } }`,
				`filter "rename_fields" "j" { fields = { MESSAGE = "message" } }`,
			},
			[]string{"changed: filebeat.inputs journald: fields other than message"},
		},
		"Logstash types, groups in replacements, characters that divide, tags out of fields": {
			"logstash", ".conf",
			"input { udp { port => 1 type => \"udp\" } }\nfilter {\n" +
				"mutate { gsub => [\"m\", \"(\\d)x\", \"\\1y$\"] add_tag => [\"a\", \"%{n}\"] }\n" +
				"kv { field_split => \"&?\" value_split => \"=\" }\n}\noutput { stdout { } }\n",
			[]string{
				`fields = { type = "udp" }`, `with = "$${1}y$$"`, `tags ?? [], ['a'])`,
				`pair_separator = "&" #`, `value_separator = "="`,
			},
			[]string{
				"LEFT OUT: kv.field_split = &?: one character divides here",
				"LEFT OUT: mutate.add_tag %{n}: write filter",
			},
		},
		"Logstash what each event has its own of": {
			"logstash", ".conf",
			"input { stdin { } }\noutput {\n" +
				"elasticsearch { index => \"i\" pipeline => \"%{p}\" action => \"%{a}\" }\n" +
				"http { url => \"http://h/\" headers => { \"A\" => \"b\" \"C\" => \"%{d}\" } }\n}\n",
			[]string{`headers = { A = "b" }`},
			[]string{
				"LEFT OUT: elasticsearch.pipeline = %{p}: there is one pipeline for all records",
				"LEFT OUT: elasticsearch.action = %{a}", "LEFT OUT: http.headers.C = %{d}",
			},
		},
		"Filebeat an ingest pipeline that each event has its own of": {
			"filebeat", ".yml",
			"filebeat.inputs: [{type: stdin}]\n" +
				"output.elasticsearch: {hosts: [h], pipeline: \"%{[fields.p]}\"}\n",
			nil, []string{"LEFT OUT: output.elasticsearch.pipeline = %{[fields.p]}: there is one"},
		},
		"Vector what each event has its own of": {
			"vector", ".yaml",
			"sources: {in: {type: stdin}}\nsinks:\n" +
				"  e: {type: elasticsearch, inputs: [in], endpoints: [\"http://h\"], pipeline: \"{{ p }}\", " +
				"bulk: {action: \"{{ a }}\"}}\n" +
				"  h: {type: http, inputs: [in], uri: \"http://h/{{ u }}\", encoding: {codec: json}, " +
				"request: {headers: {A: \"{{ b }}\"}}}\n",
			nil,
			[]string{
				"LEFT OUT: sinks.e.pipeline = {{ p }}", "LEFT OUT: sinks.e.bulk.action = {{ a }}",
				"LEFT OUT: sinks.h.uri = http://h/{{ u }}", "LEFT OUT: sinks.h.request.headers.A = {{ b }}",
			},
		},
		"Vector the journal, files that events name, and texts that are no JSON": {
			"vector", ".yaml",
			"sources: {in: {type: journald}, kin: {type: stdin}}\n" +
				"transforms: {t: {type: filter, inputs: [in, kin], condition: 'exists(.message)'}}\n" +
				"sinks:\n" +
				"  f: {type: file, inputs: [t], path: \"/d/{{ app }}-%Y.m.log.gz\", encoding: {codec: logfmt}}\n" +
				"  s: {type: aws_s3, inputs: [t], bucket: b, encoding: {codec: text}}\n" +
				"  k: {type: kafka, inputs: [t], bootstrap_servers: k, topic: t, encoding: {codec: gelf}}\n",
			[]string{
				`if = "tag == 'in'" fields = { MESSAGE = "message" }`,
				`directory = "/d" path = "${field.app}-${strftime("%Y")}"`,
			},
			[]string{
				"LEFT OUT: sinks.f.encoding.codec = logfmt: records go out as JSON",
				"LEFT OUT: sinks.s.encoding.codec = text: records are objects and go out whole",
				"LEFT OUT: sinks.k.encoding.codec = gelf: records go out as JSON",
			},
		},
		"Logstash files that events name": {
			"logstash", ".conf",
			"input { stdin { } }\noutput { file { path => \"/d/%{app}/%{+YYYY-MM-dd}.log.gz\" } }\n",
			[]string{`path = "${field.app}/${strftime("%Y-%m-%d")}"`}, nil,
		},
		"Vector syslog by TLS": {
			"vector", ".yaml",
			"sources: {in: {type: syslog, mode: tcp, address: \"0.0.0.0:1\", " +
				"tls: {enabled: true, crt_file: /c, key_file: /k}}}\n" +
				"sinks: {o: {type: console, inputs: [in], encoding: {codec: json}}}\n",
			[]string{`listen = ["tls://0.0.0.0:1"]`}, nil,
		},
		"fluentd syslog by TLS": {
			"fluentd", ".conf",
			"<source>\n@type syslog\nport 6514\ntag s\n<transport tls>\ncert_path /c\n" +
				"private_key_path /k\n</transport>\n</source>\n<match **>\n@type stdout\n</match>\n",
			[]string{`} listen = ["tls://0.0.0.0:6514"] tag`}, nil,
		},
		"Logstash files that two inputs would remove": {
			"logstash", ".conf",
			"input {\nfile { path => \"/d/*.csv\" mode => \"read\" }\n" +
				"file { path => \"/d/*\" mode => \"read\" }\n}\noutput { stdout { } }\n",
			[]string{`paths = ["/d/*.csv"]`, `paths = ["/d/*"]`},
			[]string{`LEFT OUT: after_read = "delete": it is refused: after_read: what matches`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := converted(t, c.tool, c.ext, c.text)
			hcl := strings.Join(strings.Fields(string(r.HCL)), " ")
			for _, want := range c.hcl {
				if !strings.Contains(hcl, strings.TrimSpace(want)) {
					t.Errorf("there is no %s in\n%s", want, r.HCL)
				}
			}
			for _, problem := range newValidator(t).problems(r.HCL) {
				t.Errorf("%s in\n%s", problem, r.HCL)
			}
			for _, want := range c.told {
				if !strings.Contains(summary(r), want) {
					t.Errorf("%q is not told in\n%s", want, summary(r))
				}
			}
		})
	}
}
