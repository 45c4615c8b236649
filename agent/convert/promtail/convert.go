package promtail

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// Convert reads promtail's files and writes an agent.
func Convert(paths []string, from kit.Reader) (*draft.Draft, error) {
	c := &converter{Conv: kit.New()}
	c.p = c.Pipeline("main")
	var roots []*kit.Node
	for _, path := range paths {
		src, err := from(path)
		if err != nil {
			return nil, err
		}
		root, err := kit.YAML(path, src)
		if err != nil {
			return nil, err
		}
		c.root(root)
		roots = append(roots, root)
	}
	c.p.Finish()
	c.Sweep(harmless, roots...)
	c.D.Environment(nil)
	return c.D, nil
}

type converter struct {
	*kit.Conv
	p      *kit.Pipeline
	jobs   int
	ofPods bool // a job reads the logs of pods
	limits *kit.Node

	// of the job that is being read:
	labels    map[string]bool   // headers
	extracted map[string]bool   // fields
	texts     map[string]bool   // those of them that are texts, if they are there
	origins   map[string]string // where they were found, if what is called so may be another one
	emptied   map[string]bool   // those that a template may have made empty, which is none
	unsure    bool              // something that is not known may have taken out more
	begun     bool              // a stage has worked on lines
	parsed    bool              // records are objects
	line      string            // the field that is the line, "" for the whole value
	elsewhere string            // that of the records for which a match holds
	joined    bool              // the input puts the runtime's lines together
	in        *draft.Block
}

var harmless = map[string]string{
	"positions.filename":                   "positions are kept below data_dir: see penstock import-positions",
	"positions.sync_period":                "positions are stored with what was read",
	"server.grpc_listen_port":              "there is no gRPC",
	"server.log_level":                     "see agent.log",
	"target_config.sync_period":            "see rescan_interval",
	"file_watch_config.min_poll_frequency": "files are watched",
	"file_watch_config.max_poll_frequency": "files are watched",
	"job_name":                             "the input has a name",
	"ingestion_rate":                       "see filter \"throttle\"",
	"server.http_listen_address":           "see listen of admin, which asks for a token where it is not on loopback",
	"server.log_format":                    "see agent.log",
	"server.graceful_shutdown_timeout":     "see agent.stop_timeout",
	"server.register_instrumentation":      "see /metrics",
	"server.disable":                       "the page is there where admin is written",
	"server.enable_runtime_reload":         "see penstock help run",
	"positions.ignore_invalid_yaml":        "positions are checked",
	"limits_config.readline_rate":          lineRate,
	"limits_config.readline_burst":         lineRate,
	"limits_config.readline_rate_enabled":  lineRate,
	"limits_config.readline_rate_drop":     lineRate,
	"limits_config.max_streams":            "labels make no streams here",
	"tracing.enabled":                      "see agent.trace",
	"decompression.enabled":                "what is compressed is told by its bytes",
	"decompression.format":                 "what is compressed is told by its bytes",
	"decompression.initial_delay":          "a file is read once it is whole",
	"max_partial_lines":                    "parts of lines are put together, up to max_line_size",
	"max_partial_line_size":                "parts of lines are put together, up to max_line_size",
	"max_partial_line_size_truncate":       "parts of lines are put together, up to max_line_size",
	"label_structured_data":                "structured_data is a field",
	"use_rfc5424_message":                  "the message is a field",
	"use_incoming_timestamp":               "records have the time that came with them",
	"drop_counter_reason":                  "what filters discard is counted by their names",
	"pipeline_name":                        "filters have names",
	"version":                              "versions are found out",
	"assignor":                             "see protocol",
	"max_distinct_labels":                  "see max_keys",
}

const lineRate = "see rate_limit of input \"tail\", which is for each file, and loses nothing"

func (c *converter) root(root *kit.Node) {
	if port := root.Take("server.http_listen_port"); port != nil && port.Value != "0" {
		c.Agent.In("admin").Set("listen", draft.Text("127.0.0.1:"+port.Value))
		c.D.Changed(c.Agent.In("admin"), port.At, port.Shown(), "the status page and /metrics, on loopback")
	}
	clients := root.List("clients")
	if one := root.Find("client"); one != nil {
		clients = append(clients, one)
	}
	for _, x := range clients {
		url := x.Text("url")
		c.D.Lost(
			c.p.Notes, x.At, "client "+url,
			"there is no output for Loki: write one, such as output \"kafka\", or output \"forward\" to a fluent-bit that sends to Loki",
		)
		x.Done()
	}
	list := root.Find("scrape_configs")
	if list != nil {
		c.limits = root.Find("limits_config")
		for _, n := range list.Kids {
			if n.Find("kafka") == nil {
				c.jobs++
			}
		}
		for i, n := range list.Kids {
			c.job(n, i)
		}
	}
	c.Rest(c.Agent, root, harmless)
}

func (c *converter) job(n *kit.Node, i int) {
	name := n.Text("job_name")
	if name == "" {
		name = fmt.Sprint("job_", i+1)
	}
	var b *draft.Block
	var labels []draft.Value
	var ofFiles []filesLabels
	c.labels, c.extracted, c.parsed, c.joined = map[string]bool{}, map[string]bool{}, false, false
	c.origins = map[string]string{}
	c.texts, c.emptied, c.unsure, c.begun = map[string]bool{}, map[string]bool{}, false, false
	c.line, c.elsewhere = "", ""
	rules := &relabeling{labels: map[string]string{}, known: func(string) string { return "" }}
	add := func(typ string) {
		b = c.Add("input", typ, name, n)
		if typ != "kafka" {
			b.Set("tag", draft.Text(b.Label()))
		}
		c.in = b
		c.p.Inputs = append(c.p.Inputs, b)
	}
	take := func(l *kit.Node) {
		if l == nil {
			return
		}
		for _, k := range l.Kids {
			if !strings.HasPrefix(k.Key, "__") {
				labels = append(labels, kit.Key(k.Key), draft.Text(quoted(k.Value)))
				c.labels[k.Key] = true
				c.Carry(k)
				k.Done()
			}
		}
	}
	switch {
	case n.Find("static_configs") != nil:
		add("tail")
		var paths, exclude []string
		several := len(n.Find("static_configs").Kids) > 1
		for _, s := range n.Find("static_configs").Kids {
			s.Find("targets").Done()
			l := s.Find("labels")
			if p := l.Text("__path__"); p != "" {
				paths = append(paths, p)
			}
			if p := l.Text("__path_exclude__"); p != "" {
				exclude = append(exclude, p)
			}
			take(l)
			if several && labels != nil {
				ofFiles = append(
					ofFiles, filesLabels{"header.filename matches " + kit.Quote(fileRegexp(l.Text("__path__"))), labels},
				)
				labels = nil
			}
		}
		if paths == nil {
			paths = []string{"/var/log/CHANGE-ME.log"}
			c.D.Lost(b, n.At, n.Name, "it has no __path__")
		}
		b.Set("paths", kit.Texts(paths))
		if exclude != nil {
			b.Set("exclude", kit.Texts(exclude))
		}
		b.Set("path_header", draft.Text("filename"))
		c.labels["filename"] = true
		c.lineSize(b)
		if e := n.Take("encoding"); e != nil {
			c.Charset(b, e)
		}
	case n.Find("kubernetes_sd_configs") != nil:
		add("tail")
		rules = c.pods(n, n.Find("kubernetes_sd_configs"), b)
		b.Set("path_header", draft.Text("filename"))
		c.joined = true
		for _, l := range []string{"filename", "stream", "namespace", "pod", "container", "node", "uid"} {
			c.labels[l] = true
		}
		c.lineSize(b)
	case n.Find("docker_sd_configs") != nil:
		add("tail")
		c.docker(n.Find("docker_sd_configs"), b)
		c.joined, c.labels["stream"] = true, true
		c.lineSize(b)
	case n.Find("kafka") != nil:
		main, jobs := c.p, c.jobs
		c.p, c.jobs = c.Pipeline(name), 1
		defer func() {
			c.p.Finish()
			c.p, c.jobs = main, jobs
		}()
		add("kafka")
		c.kafka(n.Find("kafka"), b)
		take(n.Find("kafka.labels"))
		rules.known = func(label string) string {
			return map[string]string{
				"__meta_kafka_topic": "tag", "__meta_kafka_message_key": "key",
			}[label]
		}
	case n.Find("journal") != nil:
		add("journald")
		rules.known, c.parsed, c.line = fieldsOf, true, "MESSAGE"
		j := n.Find("journal")
		take(j.Find("labels"))
		c.Set(b, "directory", j, "path")
		if m := j.Text("matches"); m != "" {
			b.Set("matches", draft.Texts(strings.Fields(m)...))
		}
		for _, k := range []string{"max_age", "json"} {
			if x := j.Take(k); x != nil {
				c.Left(b, x, "entries are objects, from where reading stopped")
			}
		}
	case n.Find("syslog") != nil:
		add("syslog")
		rules.known, c.parsed, c.line = fieldsOf, true, "message"
		s := n.Find("syslog")
		protocol := s.Text("listen_protocol")
		if protocol == "" {
			protocol = "tcp"
		}
		b.Set("listen", kit.Texts([]string{protocol + "://" + s.Text("listen_address")}))
		take(s.Find("labels"))
		c.Duration(b, "idle_timeout", s, time.Second, "idle_timeout")
		c.Size(b, "max_message_size", s, "max_message_length")
		c.serverTLS(b, s.Find("tls_config"))
	default:
		c.notKnown(n, name)
		return
	}
	cond := ""
	if c.jobs > 1 {
		cond = "tag == " + kit.Quote(b.Label())
	}
	labels = append(labels, c.relabel(b, n.List("relabel_configs"), rules, name, cond)...)
	if labels != nil {
		c.p.Filter("set", name, cond).Set("headers", draft.Map(labels...))
	}
	for _, l := range ofFiles {
		c.p.Filter("set", name, kit.And(cond, l.cond)).Set("headers", draft.Map(l.labels...))
	}
	c.stages(n.Find("pipeline_stages"), b, name, cond)
	c.Rest(b, n, harmless)
}

// filesLabels are the labels of some files of an input.
type filesLabels struct {
	cond   string
	labels []draft.Value
}

// fileRegexp is a regular expression for the files of a glob.
func fileRegexp(glob string) string {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; {
		case strings.HasPrefix(glob[i:], "**/"):
			b.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(glob[i:], "**"):
			b.WriteString(".*")
			i++
		case c == '*':
			b.WriteString("[^/]*")
		case c == '?':
			b.WriteString("[^/]")
		case c == '{':
			b.WriteString("(?:")
			depth++
		case c == '}' && depth > 0:
			b.WriteString(")")
			depth--
		case c == ',' && depth > 0:
			b.WriteString("|")
		case c == '[' || c == ']' || c == '-':
			b.WriteByte(c)
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return "^" + b.String() + "$"
}

// quoted is a label's value as an expression.
func quoted(v string) string {
	if m := regexp.MustCompile(`^\$\{(\w+)(?::[^}]*)?\}$`).FindStringSubmatch(v); m != nil && strings.Contains(m[1], "HOST") {
		return "agent"
	}
	return kit.Quote(v)
}

// lineSize sets the longest line that there is for all jobs.
func (c *converter) lineSize(b *draft.Block) {
	if c.limits == nil || c.limits.Find("max_line_size") == nil {
		return
	}
	c.Size(b, "max_line_size", c.limits, "max_line_size")
	b.Set("long_lines", draft.Text("skip"))
	if c.limits.On("max_line_size_truncate") {
		b.Set("long_lines", draft.Text("truncate"))
	}
}

// serverTLS carries over the certificate that a server shows, and asks for.
func (c *converter) serverTLS(b *draft.Block, n *kit.Node) {
	if n == nil {
		return
	}
	tls := c.ServerCert(b, n.Take("cert_file"), n.Take("key_file"), n.At, n.Shown())
	if tls == nil {
		n.Done()
		return
	}
	c.Set(tls, "client_ca_file", n, "client_ca_file", "ca_file")
}
