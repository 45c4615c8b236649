package agent

import (
	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/inputs/exec"
	forwardin "github.com/penstock/penstock/inputs/forward"
	httpin "github.com/penstock/penstock/inputs/http"
	"github.com/penstock/penstock/inputs/journald"
	kafkain "github.com/penstock/penstock/inputs/kafka"
	"github.com/penstock/penstock/inputs/socket"
	"github.com/penstock/penstock/inputs/stdin"
	"github.com/penstock/penstock/inputs/syslog"
	"github.com/penstock/penstock/inputs/tail"
	"github.com/penstock/penstock/outputs/elasticsearch"
	"github.com/penstock/penstock/outputs/file"
	forwardout "github.com/penstock/penstock/outputs/forward"
	"github.com/penstock/penstock/outputs/gcs"
	httpout "github.com/penstock/penstock/outputs/http"
	"github.com/penstock/penstock/outputs/kafka"
	"github.com/penstock/penstock/outputs/local"
	"github.com/penstock/penstock/outputs/s3"
	"github.com/penstock/penstock/outputs/stdout"
)

// Components returns the catalogue: every component of penstock, in one table.
func Components() Catalogue {
	return Catalogue{
		InputType(
			"exec", "Runs a command and takes its output, once or again and again.", exec.Default,
			exec.New,
		),
		InputType(
			"forward", "Takes the Fluentd forward protocol.", forwardin.Default, forwardin.New,
		),
		InputType(
			"http", "Takes records by HTTP: lines, JSON, Elasticsearch bulk, Splunk HEC, OTLP.",
			httpin.Default, httpin.New,
		),
		InputType("journald", "Follows the systemd journal.", journald.Default, journald.New),
		SourceType(
			"kafka",
			"Reads Kafka topics as a member of a consumer group; each partition is a log of its own, and is not buffered.",
			kafkain.Default, kafkain.New,
		),
		InputType(
			"stdin", "Reads lines from standard input, to their end.", stdin.Default, stdin.New,
		),
		InputType(
			"syslog",
			"Takes syslog messages of RFC 3164 and RFC 5424, over UDP, TCP, TLS and unix sockets.",
			syslog.Default, syslog.New,
		),
		InputType("tcp", "Takes lines by TCP or TLS.", socket.DefaultTCP, socket.NewTCP),
		InputType(
			"udp", "Takes lines, or whole datagrams, by UDP.", socket.DefaultUDP, socket.NewUDP,
		),
		InputType(
			"tail", "Follows files, through rotation, and reads their compressed predecessors.",
			tail.Default, tail.New,
		),

		WriterType(
			"elasticsearch", "Indexes into Elasticsearch or OpenSearch by the bulk API.",
			elasticsearch.Default, elasticsearch.New,
		),
		WriterType("file", "Appends to a local file and rotates it.", file.Default, file.New),
		WriterType(
			"forward", "Sends by the Fluentd forward protocol.", forwardout.Default, forwardout.New,
		),
		ArchiveType(
			"gcs",
			"Archives to Google Cloud Storage, each record exactly once; or holds another output's overflow.",
			gcs.Default, gcs.New,
		),
		WriterType("http", "Sends batches by HTTP.", httpout.Default, httpout.New),
		AsyncWriterType("kafka", "Produces to Kafka.", kafka.Default, kafka.New),
		ArchiveType(
			"local",
			"Archives to a directory, each record exactly once; or holds another output's overflow.",
			local.Default, local.New,
		),
		ArchiveType(
			"s3", "Archives to S3, each record exactly once; or holds another output's overflow.",
			s3.Default, s3.New,
		),
		WriterType("stdout", "Writes records to standard output.", stdout.Default, stdout.New),

		FilterType(
			"add_fields", "Adds fields to JSON values.", filter.DefaultAddFields,
			filter.NewAddFields,
		).costs("1 µs to add two fields"),
		FilterType(
			"convert", "Gives fields of JSON values types.", filter.DefaultConvert,
			filter.NewConvert,
		).costs("1 µs for two fields"),
		FilterType(
			"count", "Makes counters and histograms of records, on /metrics.", filter.DefaultCount,
			filter.NewCount,
		).costs("0.4 µs with one label"),
		FilterType(
			"dedupe", "Discards records that repeat another within some time.",
			filter.DefaultDedupe, filter.NewDedupe,
		).costs("0.5 µs, and 120 bytes of memory for each key"),
		FilterType(
			"drop", "Discards the records for which its if holds; without one, all.", filter.DefaultDrop,
			filter.NewDrop,
		).costs("nothing by itself; 0.35 µs for an if that looks at one field, nothing for one about the tag"),
		FilterType(
			"explode", "Makes many records of one that holds a list.", filter.DefaultExplode,
			filter.NewExplode,
		).costs("1 µs for each record that it makes"),
		FilterType(
			"flatten", "Brings the fields of objects within JSON values to the top.",
			filter.DefaultFlatten, filter.NewFlatten,
		).costs("1.1 µs"),
		FilterType(
			"grep", "Lets records pass, or discards them, by regular expressions.",
			filter.DefaultGrep, filter.NewGrep,
		).costs("0.1 to 0.5 µs, as the expressions are"),
		FilterType(
			"hash", "Sets a field to a hash of others.", filter.DefaultHash, filter.NewHash,
		).costs("2 µs by HMAC-SHA-256"),
		FilterType(
			"keep_fields", "Removes all fields from JSON values but some.",
			filter.DefaultKeepFields, filter.NewKeepFields,
		).costs("0.7 µs"),
		FilterType(
			"lookup",
			"Adds what a table, in a CSV or JSON file or a GeoIP database (mmdb), says about a key.",
			filter.DefaultLookup, filter.NewLookup,
		).costs("0.8 µs, and the table in memory; of a GeoIP database some µs, a third of it for one path"),
		FilterType(
			"multiline",
			"Joins records: lines of one event, parts of one line. Works in front of the buffer.",
			filter.DefaultMultiline, filter.NewMultiline,
		).costs("1 to 1.5 µs, as the patterns are; what is held is written to disk with the input's position"),
		FilterType(
			"nest", "Moves fields of JSON values into an object.", filter.DefaultNest,
			filter.NewNest,
		).costs("1.5 µs"),
		FilterType(
			"parse",
			"Turns text into JSON fields: JSON, logfmt, CSV, access and error logs, syslog, container runtimes, grok, regular expressions and more.",
			filter.DefaultParse, filter.NewParse,
		).costs("0.7 µs for cri, logfmt, syslog and csv, 1 µs for nginx and klog, 1.2 µs for regex, 1.3 µs for json with two types and docker, 2.5 µs for user_agent, 4 µs for postgres, 4 to 6 µs for grok, and for regex where a group is repeated, (...)*, or the text is not ASCII alone"),
		FilterType(
			"redact", "Overwrites what must not be passed on.", filter.DefaultRedact,
			filter.NewRedact,
		).costs("3 µs for each preset over the whole value; name fields to pay for these alone"),
		FilterType(
			"remove_fields", "Removes fields from JSON values.", filter.DefaultRemoveFields,
			filter.NewRemoveFields,
		).costs("0.7 µs"),
		FilterType(
			"rename_fields", "Gives fields of JSON values other names; they keep their types.",
			filter.DefaultRenameFields, filter.NewRenameFields,
		).costs("0.7 µs"),
		FilterType(
			"rename_tag", "Gives records another tag, which decides routes and topics.",
			filter.DefaultRenameTag, filter.NewRenameTag,
		).costs("nothing: once for a batch"),
		FilterType(
			"replace", "Replaces parts of texts by regular expressions.", filter.DefaultReplace,
			filter.NewReplace,
		).costs("1.3 µs, as the expression is"),
		FilterType(
			"sample", "Lets a share of the records pass, always the same ones.",
			filter.DefaultSample, filter.NewSample,
		).costs("0.2 µs by a field, less otherwise"),
		FilterType(
			"set", "Sets fields, headers and the key to what expressions give, with their types.",
			filter.DefaultSet, filter.NewSet,
		).costs("0.5 µs and 0.6 µs for each field, as the expressions are"),
		FilterType(
			"split", "Turns a text field into a list.", filter.DefaultSplit, filter.NewSplit,
		).costs("0.9 µs"),
		FilterType(
			"throttle", "Lets the first records of each key pass in each interval.",
			filter.DefaultThrottle, filter.NewThrottle,
		).costs("0.4 µs, and 200 bytes of memory for each key"),
		FilterType(
			"time", "Gives records the time that a field tells.", filter.DefaultTime,
			filter.NewTime,
		).costs("0.3 µs"),
		FilterType(
			"truncate", "Cuts texts that are too long.", filter.DefaultTruncate, filter.NewTruncate,
		).costs("0.1 µs where nothing is cut off, 0.9 µs otherwise"),
		FilterType(
			"uuid", "Gives each record an id, the same whenever it is delivered.",
			filter.DefaultUUID, filter.NewUUID,
		).costs("1.5 µs"),
		FilterType(
			"wasm",
			"Has a WebAssembly module work on records; in penstock-wasm of a release, which make wasm builds.",
			filter.DefaultWasm, filter.NewWasm,
		).costs("some µs, as the module is"),
		FilterType(
			"where", "Lets records pass for which a condition holds.", filter.DefaultWhere,
			filter.NewWhere,
		).costs("0.35 µs for a condition that looks at one field, nothing for one about the tag"),
	}
}
