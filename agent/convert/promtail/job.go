package promtail

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// job is the one that is being read.
type job struct {
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
	headers   []draft.Value // of labels that are written
	ofFiles   []filesLabels
	known     func(label string) string // what its discovery knows of a target
}

// sources are what a job reads, the first that it names.
var sources = []struct {
	key, typ string
	set      func(c *converter, b *draft.Block, n, source *kit.Node)
}{
	{"static_configs", "tail", (*converter).files},
	{"kubernetes_sd_configs", "tail", (*converter).pods},
	{"docker_sd_configs", "tail", (*converter).docker},
	{"kafka", "kafka", (*converter).kafka},
	{"journal", "journald", (*converter).journal},
	{"syslog", "syslog", (*converter).syslog},
}

// scrape adds the input and the filters for a job.
func (c *converter) scrape(n *kit.Node, i int) {
	name := cmp.Or(n.Text("job_name"), fmt.Sprint("job_", i+1))
	at := 0
	for at < len(sources) && n.Find(sources[at].key) == nil {
		at++
	}
	if at == len(sources) {
		c.notKnown(n, name)
		return
	}
	from := sources[at]
	if from.typ == "kafka" {
		main, jobs := c.p, c.jobs
		c.p, c.jobs = c.Pipeline(name), 1
		defer func() {
			c.p.Finish()
			c.p, c.jobs = main, jobs
		}()
	}
	b := c.Add("input", from.typ, name, n)
	if from.typ != "kafka" {
		b.Set("tag", draft.Text(b.Label()))
	}
	c.p.Inputs = append(c.p.Inputs, b)
	c.job = &job{
		labels: map[string]bool{}, extracted: map[string]bool{}, texts: map[string]bool{},
		origins: map[string]string{}, emptied: map[string]bool{}, in: b,
		known: func(string) string { return "" },
	}
	from.set(c, b, n, n.Find(from.key))
	cond := ""
	if c.jobs > 1 {
		cond = "tag == " + kit.Quote(b.Label())
	}
	headers := append(c.headers, c.relabel(b, n.List("relabel_configs"), name, cond)...)
	if headers != nil {
		c.p.Filter("set", name, cond).Set("headers", draft.Map(headers...))
	}
	for _, l := range c.ofFiles {
		c.p.Filter("set", name, kit.And(cond, l.cond)).Set("headers", draft.Map(l.labels...))
	}
	c.stages(n.Find("pipeline_stages"), b, name, cond)
	c.Rest(b, n, harmless)
}

// label makes headers of labels that are written, but for those that Prometheus takes away.
func (c *converter) label(l *kit.Node) {
	if l == nil {
		return
	}
	for _, k := range l.Kids {
		if !strings.HasPrefix(k.Key, "__") {
			c.headers = append(c.headers, kit.Key(k.Key), draft.Text(quoted(k.Value)))
			c.labels[k.Key] = true
			c.Carry(k)
			k.Done()
		}
	}
}

func (c *converter) files(b *draft.Block, n, static *kit.Node) {
	var paths, exclude []string
	for _, s := range static.Kids {
		s.Find("targets").Done()
		l := s.Find("labels")
		if p := l.Text("__path__"); p != "" {
			paths = append(paths, p)
		}
		if p := l.Text("__path_exclude__"); p != "" {
			exclude = append(exclude, p)
		}
		c.label(l)
		if len(static.Kids) > 1 && c.headers != nil {
			c.ofFiles = append(c.ofFiles, filesLabels{
				"header.filename matches " + kit.Quote(fileRegexp(l.Text("__path__"))), c.headers,
			})
			c.headers = nil
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
}

func (c *converter) journal(b *draft.Block, _, j *kit.Node) {
	c.known, c.parsed, c.line = fieldsOf, true, "MESSAGE"
	c.label(j.Find("labels"))
	c.Set(b, "directory", j, "path")
	if m := j.Text("matches"); m != "" {
		b.Set("matches", draft.Texts(strings.Fields(m)...))
	}
	for _, k := range []string{"max_age", "json"} {
		if x := j.Take(k); x != nil {
			c.Left(b, x, "entries are objects, from where reading stopped")
		}
	}
}

func (c *converter) syslog(b *draft.Block, _, s *kit.Node) {
	c.known, c.parsed, c.line = fieldsOf, true, "message"
	protocol := cmp.Or(s.Text("listen_protocol"), "tcp")
	b.Set("listen", kit.Texts([]string{protocol + "://" + s.Text("listen_address")}))
	c.label(s.Find("labels"))
	c.Duration(b, "idle_timeout", s, time.Second, "idle_timeout")
	c.Size(b, "max_message_size", s, "max_message_length")
	c.serverTLS(b, s.Find("tls_config"))
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
