package promtail

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
	"github.com/penstock/penstock/agent/convert/timepattern"
)

// Convert reads promtail's files and writes an agent.
func Convert(paths []string) (*draft.Draft, error) {
	c := &converter{Conv: kit.New()}
	c.p = c.Pipeline("main")
	var roots []*kit.Node
	for _, path := range paths {
		src, err := os.ReadFile(path)
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
	p    *kit.Pipeline
	jobs int
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
}

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
		c.jobs = len(list.Kids)
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
	add := func(typ string) {
		b = c.Add("input", typ, name, n)
		b.Set("tag", draft.Text(b.Label()))
		c.p.Inputs = append(c.p.Inputs, b)
	}
	take := func(l *kit.Node) {
		if l == nil {
			return
		}
		for _, k := range l.Kids {
			if !strings.HasPrefix(k.Key, "__") {
				labels = append(labels, kit.Key(k.Key), draft.Text(quoted(k.Value)))
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
		if e := n.Take("encoding"); e != nil {
			c.Charset(b, e)
		}
	case n.Find("journal") != nil:
		add("journald")
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
		s := n.Find("syslog")
		protocol := s.Text("listen_protocol")
		if protocol == "" {
			protocol = "tcp"
		}
		b.Set("listen", kit.Texts([]string{protocol + "://" + s.Text("listen_address")}))
		take(s.Find("labels"))
		c.Duration(b, "idle_timeout", s, time.Second, "idle_timeout")
		c.serverTLS(b, s.Find("tls_config"))
	default:
		c.Lost(c.Agent, n, "penstock finds its files by globs: write an input")
		return
	}
	if r := n.Find("relabel_configs"); r != nil && chooses(n.List("relabel_configs")) {
		c.Lost(b, r, "it chooses what is read: write paths and exclude, or filter \"where\"")
	} else if r != nil {
		c.Left(b, r, "labels come from the path, by path_pattern of input \"tail\", or from filter \"set\"")
	}
	cond := ""
	if c.jobs > 1 {
		cond = "tag == " + kit.Quote(b.Label())
	}
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

func (c *converter) stages(list *kit.Node, in *draft.Block, name, cond string) {
	if list == nil {
		return
	}
	for _, s := range list.Kids {
		for _, x := range s.Kids {
			c.stage(x, in, name, cond)
		}
	}
}

func (c *converter) stage(x *kit.Node, in *draft.Block, name, cond string) {
	add := func(typ string) *draft.Block {
		b := c.p.Filter(typ, name, cond)
		b.From(x.At)
		c.D.Carried(x.At, x.Name)
		return b
	}
	whole := func(b *draft.Block) {
		if src := x.Take("source"); src != nil {
			b.Set("field", draft.Text(src.Value))
			b.Set("keep", draft.Text(src.Value))
			return
		}
		b.Set("keep", draft.Text("message"))
		c.D.Changed(
			b, x.At, x.Name,
			"the record becomes an object with what is taken out, and the line as message",
		)
	}
	switch x.Key {
	case "json":
		b := add("parse")
		b.Set("format", draft.Text("json"))
		if src := x.Take("source"); src != nil {
			b.Set("field", draft.Text(src.Value))
			b.Set("keep", draft.Text(src.Value))
		}
		var pairs []draft.Value
		if e := x.Find("expressions"); e != nil {
			for _, k := range e.Kids {
				k.Done()
				path := strings.ReplaceAll(k.Value, `"`, "")
				if path == "" || path == k.Key {
					continue
				}
				if !regexp.MustCompile(`^[\w.-]+$`).MatchString(path) {
					c.Left(b, k, "write an expression for filter \"set\"")
					continue
				}
				pairs = append(pairs, kit.Key(k.Key), draft.Text(kit.Field(path)))
			}
		}
		if pairs != nil {
			c.p.Filter("set", name, cond).Set("fields", draft.Map(pairs...))
		}
	case "logfmt":
		b := add("parse")
		b.Set("format", draft.Text("logfmt"))
		whole(b)
	case "regex":
		pattern := x.Text("expression")
		if _, err := regexp.Compile(pattern); err != nil {
			c.Lost(c.p.Notes, x, "RE2 has it not: "+err.Error())
			return
		}
		b := add("parse")
		b.Set("format", draft.Text("regex"))
		b.Set("pattern", draft.Text(pattern))
		whole(b)
	case "docker", "cri":
		b := add("parse")
		b.Set("format", draft.Text(x.Key))
		b.Set("time", draft.Bool(true))
	case "timestamp":
		b := add("time")
		b.Set("field", draft.Text(x.Text("source")))
		var formats []string
		for _, f := range append([]string{x.Text("format")}, x.Texts("fallback_formats")...) {
			format, err := timepattern.ReadGo(f)
			if err != nil {
				c.D.Lost(b, x.At, x.Name+" "+f, err.Error())
				continue
			}
			formats = append(formats, format)
		}
		if formats != nil {
			b.Set("formats", draft.Texts(formats...))
		}
		c.Set(b, "zone", x, "location")
		if x.Text("action_on_failure") != "skip" {
			c.D.Changed(
				b, x.At, x.Name,
				"where it cannot be read, the time is that of reading, not of the line before",
			)
		}
	case "labels", "structured_metadata", "static_labels":
		var pairs []draft.Value
		for _, k := range x.Kids {
			src := k.Value
			if x.Key == "static_labels" {
				pairs = append(pairs, kit.Key(k.Key), draft.Text(quoted(src)))
				continue
			}
			if src == "" {
				src = k.Key
			}
			pairs = append(pairs, kit.Key(k.Key), draft.Text(kit.Field(src)))
		}
		x.Done()
		add("set").Set("headers", draft.Map(pairs...))
	case "drop":
		c.drop(x, name, cond)
	case "match":
		c.match(x, in, name, cond)
	case "multiline":
		m := in.In("multiline")
		m.Set("start", draft.Text(x.Text("firstline")))
		c.Duration(m, "timeout", x, time.Second, "max_wait_time")
		c.Number(m, "max_lines", x, "max_lines")
		c.D.Carried(x.At, x.Name)
		if cond != "" && strings.Contains(cond, " and ") {
			c.D.Changed(m, x.At, x.Name, "it holds for all lines of the input")
		}
	case "replace":
		pattern, src := x.Text("expression"), x.Text("source")
		if re, err := regexp.Compile(pattern); err != nil || re.NumSubexp() > 0 {
			c.Lost(c.p.Notes, x, "only the groups of it are replaced: write filter \"replace\" with the whole pattern")
			return
		}
		b := add("replace")
		if src != "" {
			b.Set("field", draft.Text(src))
		}
		b.Set("pattern", draft.Text(pattern))
		b.Set("with", draft.Text(x.Text("replace")))
	case "sampling":
		add("sample").Set("keep", draft.Value(x.Text("rate")))
	case "output":
		b := add("set")
		b.Set("fields", draft.Map(draft.Value("message"), draft.Text(kit.Field(x.Text("source")))))
		c.D.Changed(b, x.At, x.Name, "the record stays an object, whose message is the line")
	case "metrics", "tenant", "pack", "labeldrop", "labelallow", "limit", "decolorize", "eventlogmessage", "geoip":
		c.Left(c.p.Notes, x, "see filters \"count\", \"throttle\" and \"remove_fields\"")
	default:
		c.Lost(c.p.Notes, x, "there is no filter that does this; see penstock help")
	}
}

func (c *converter) drop(x *kit.Node, name, cond string) {
	var tests []string
	src := "value"
	if s := x.Text("source"); s != "" {
		src = "string(" + kit.Field(s) + " ?? '')"
	}
	if e := x.Text("expression"); e != "" {
		if _, err := regexp.Compile(e); err != nil {
			c.Lost(c.p.Notes, x, "RE2 has it not: "+err.Error())
			return
		}
		tests = append(tests, src+" matches "+kit.Quote(e))
	}
	if v := x.Text("value"); v != "" {
		tests = append(tests, src+" == "+kit.Quote(v))
	}
	if l := x.Take("longer_than"); l != nil {
		if n, ok := kit.ParseSize(l.Value); ok {
			tests = append(tests, fmt.Sprintf("len(value) > %d", n))
		}
	}
	if o := x.Take("older_than"); o != nil {
		c.D.Left(c.p.Notes, o.At, o.Shown(), "old records pass: how old one is depends on when it is delivered")
		if len(tests) == 0 {
			return
		}
	}
	if len(tests) == 0 {
		c.Lost(c.p.Notes, x, "it says nothing that is known")
		return
	}
	b := c.p.Filter("drop", name, "")
	b.From(x.At)
	b.Set("if", draft.Text(kit.And(append([]string{cond}, tests...)...)))
	c.D.Carried(x.At, x.Name)
}

var (
	selector = regexp.MustCompile(`^\{([^}]*)\}\s*(.*)$`)
	matcher  = regexp.MustCompile(`^\s*([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|` + "`[^`]*`" + `)\s*,?`)
	lineTest = regexp.MustCompile(`^\s*(\|=|\|~|!=|!~)\s*("(?:[^"\\]|\\.)*"|` + "`[^`]*`" + `)`)
)

func (c *converter) match(x *kit.Node, in *draft.Block, name, cond string) {
	e, ok := selected(x.Text("selector"))
	if !ok {
		c.Lost(c.p.Notes, x, "this selector is not known: write filters with if")
		return
	}
	here := kit.And(cond, e)
	if x.Text("action") == "drop" {
		c.p.Filter("drop", name, here)
		c.D.Carried(x.At, x.Name)
		return
	}
	c.D.Carried(x.At, x.Name)
	stages := x.Find("stages")
	if changesBeforeLast(stages) {
		here = c.p.Decide([]draft.Place{x.At}, []string{e}, cond)[0]
	}
	c.stages(stages, in, name, here)
}

// changesBeforeLast reports whether a stage but the last may change labels or the line, which the
// filters of those behind it ask for anew.
func changesBeforeLast(stages *kit.Node) bool {
	if stages == nil {
		return false
	}
	for i, s := range stages.Kids {
		for _, x := range s.Kids {
			switch x.Key {
			case "drop", "match", "sampling", "limit", "metrics", "timestamp", "tenant":
			default:
				if i+1 < len(stages.Kids) {
					return true
				}
			}
		}
	}
	return false
}

// selected translates a selector of LogQL.
func selected(src string) (string, bool) {
	m := selector.FindStringSubmatch(strings.TrimSpace(src))
	if m == nil {
		return "", false
	}
	var parts []string
	test := func(what, op, v string) {
		v = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(v[1 : len(v)-1])
		e := map[string]string{
			"=": what + " == " + kit.Quote(v), "!=": what + " != " + kit.Quote(v),
			"=~": what + " matches " + kit.Quote("^(?:"+v+")$"), "!~": "not (" + what + " matches " + kit.Quote("^(?:"+v+")$") + ")",
		}[op]
		parts = append(parts, e)
	}
	rest := m[1]
	for strings.TrimSpace(rest) != "" {
		l := matcher.FindStringSubmatch(rest)
		if l == nil {
			return "", false
		}
		test("(header["+kit.Quote(l[1])+"] ?? '')", l[2], l[3])
		rest = rest[len(l[0]):]
	}
	for rest = m[2]; strings.TrimSpace(rest) != ""; {
		l := lineTest.FindStringSubmatch(rest)
		if l == nil {
			return "", false
		}
		v := kit.Quote(strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(l[2][1 : len(l[2])-1]))
		switch l[1] {
		case "|=":
			parts = append(parts, "value contains "+v)
		case "|~":
			parts = append(parts, "value matches "+v)
		case "!=":
			parts = append(parts, "not (value contains "+v+")")
		case "!~":
			parts = append(parts, "not (value matches "+v+")")
		}
		rest = rest[len(l[0]):]
	}
	return kit.And(parts...), len(parts) > 0
}

// serverTLS carries over the certificate that a server shows, and asks for.
func (c *converter) serverTLS(b *draft.Block, n *kit.Node) {
	if n == nil {
		return
	}
	cert, key := n.Take("cert_file"), n.Take("key_file")
	if cert == nil || key == nil {
		c.Lost(b, n, "write tls { }, with cert_file and key_file: it listens without now")
		return
	}
	tls := b.In("tls")
	tls.Set("cert_file", kit.Text(cert.Value))
	tls.Set("key_file", kit.Text(key.Value))
	c.Carry(cert)
	c.Carry(key)
	c.Set(tls, "client_ca_file", n, "client_ca_file", "ca_file")
}

// chooses reports whether relabeling leaves targets out.
func chooses(relabel []*kit.Node) bool {
	for _, k := range relabel {
		if a := k.Find("action"); a != nil && (a.Value == "drop" || a.Value == "keep") {
			return true
		}
	}
	return false
}
