package logstash

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/javatime"
	"github.com/penstock/penstock/agent/convert/kit"
)

// Convert reads the files of one pipeline, which count as one, and writes an agent.
func Convert(paths []string, from kit.Reader) (*draft.Draft, error) {
	c := &converter{Conv: kit.New(), tags: map[string]bool{}}
	var all []section
	for _, path := range paths {
		some, err := parse(path, from)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	c.p = c.Pipeline("main")
	for _, s := range all {
		if s.kind == "input" {
			for _, st := range s.body {
				if st.plugin != nil {
					c.inputs++
				}
			}
		}
	}
	for _, s := range all {
		c.noteAsked(s.body)
	}
	for _, s := range all {
		for _, n := range plugins(s.body) {
			_, isAsked := c.failureTags(n)
			c.asksForFailures = c.asksForFailures || s.kind == "filter" && isAsked
			c.hidesFields = c.hidesFields || s.kind == "filter" && hides(n)
		}
	}
	c.given(all)
	for _, kind := range []string{"input", "filter", "output"} {
		for _, s := range all {
			if s.kind == kind {
				c.body(kind, s.body, "")
			}
		}
	}
	c.p.Finish()
	for _, s := range all {
		c.Sweep(harmless, plugins(s.body)...)
	}
	c.D.Environment(nil)
	return c.D, nil
}

// plugins returns those in statements and their branches.
func plugins(body []statement) []*kit.Node {
	var out []*kit.Node
	for _, s := range body {
		if s.plugin != nil {
			out = append(out, s.plugin)
		}
		for _, b := range s.branches {
			out = append(out, plugins(b.body)...)
		}
	}
	return out
}

// hides reports whether a field below @metadata stands in what is set of a plugin, but for what is
// known of events from Kafka.
func hides(n *kit.Node) bool {
	set := strings.ReplaceAll(n.Key+" "+n.Value, "[@metadata][kafka]", "")
	return strings.Contains(set, "[@metadata]") || slices.ContainsFunc(n.Kids, hides)
}

type converter struct {
	*kit.Conv
	p      *kit.Pipeline
	inputs int
	tags   map[string]bool

	asked           []string // texts of conditions on tags
	asksForFailures bool     // among them are tags of what cannot be parsed
	hidesFields     bool     // a filter sets some below @metadata, which Logstash does not write
	failed          []string // those that filters have given

	kafka bool     // the events are those of topics
	paths []string // fields with the path of a file that something asks for

	parses []*draft.Block // what parses, of the filter that is read
	works  string         // the condition that it could
}

func (c *converter) body(kind string, body []statement, cond string) {
	for _, s := range body {
		if s.plugin != nil {
			switch kind {
			case "input":
				c.input(s.plugin)
			case "filter":
				c.filter(s.plugin, cond)
			case "output":
				if b := c.output(s.plugin); b != nil {
					c.p.Send(cond, b)
					c.Rest(b, s.plugin, harmless)
				}
			}
			continue
		}
		c.branches(kind, s.branches, cond)
	}
}

func (c *converter) branches(kind string, branches []branch, cond string) {
	var conds []string
	for i, b := range branches {
		if b.cond == "" {
			break
		}
		e, err := c.condition(b.cond)
		if err != nil {
			c.D.Lost(
				c.p.Notes, b.at, "if "+shownCond(b.cond),
				err.Error()+"; write the condition of what is in it",
			)
			branches = branches[:i]
			break
		}
		if strings.Contains(e, "'_dateparsefailure' in ") {
			c.D.Lost(
				c.p.Notes, b.at, "if "+shownCond(b.cond),
				"no tag tells that a time could not be read: write the condition otherwise",
			)
		}
		conds = append(conds, e)
	}
	if kind == "filter" && c.changes(branches, conds) {
		var places []draft.Place
		for _, b := range branches {
			places = append(places, b.at)
		}
		for i, e := range c.p.Decide(places, conds, cond) {
			c.body(kind, branches[i].body, e)
		}
		return
	}
	here := []string{cond}
	for i, b := range branches {
		if i < len(conds) {
			c.body(kind, b.body, kit.And(append(here[:len(here):len(here)], conds[i])...))
			here = append(here, "not ("+conds[i]+")")
			continue
		}
		c.body(kind, b.body, kit.And(here...))
	}
}

func shownCond(cond string) string {
	shown := regexp.MustCompile("[a-z]+\x00").ReplaceAllString(cond, "")
	return strings.ReplaceAll(shown, "\x01", " ")
}

var harmless = map[string]string{
	"sincedb_path":            "positions are kept below data_dir: see penstock import-positions",
	"sincedb_write_interval":  "positions are stored with what was read",
	"stat_interval":           "files are watched",
	"discover_interval":       "see rescan_interval",
	"ignore_older":            "old files are read, too; see start_at",
	"close_older":             "see close_inactive",
	"max_open_files":          "see max_open_files",
	"id":                      "components have names of their own",
	"codec":                   "records go out as they are",
	"acks":                    "a record counts as delivered when all in-sync replicas have it, always",
	"retries":                 "attempts never end",
	"workers":                 "see window.lanes",
	"manage_template":         "templates are set up by others",
	"template":                "templates are set up by others",
	"template_name":           "templates are set up by others",
	"template_overwrite":      "templates are set up by others",
	"ilm_enabled":             "life cycles are set up by others",
	"data_stream":             "see operation and index",
	"document_type":           "Elasticsearch has no types any more",
	"consumer_threads":        "a member reads all of its partitions at once",
	"decorate_events":         "topic, partition and offset are known to templates and archives",
	"temporary_directory":     "the spool lies below data_dir",
	"rotation_strategy":       "see roll",
	"flush_interval":          "outputs read the buffer all the time",
	"batch_size":              "see batch_max_bytes",
	"linger_ms":               "see linger",
	"ssl_truststore_password": "PEM files have none",
	"ssl_keystore_password":   "PEM files have none",
}

func field(name string) string {
	return strings.Trim(strings.ReplaceAll(name, "][", "."), "[]")
}

var reference = regexp.MustCompile(`%\{\+([^}]+)\}|%\{([^}]+)\}`)

// format turns %{field} and %{+YYYY.MM.dd} into a template.
func (c *converter) format(b *draft.Block, at *kit.Node, value string) []draft.Part {
	var out []draft.Part
	for {
		m := reference.FindStringSubmatchIndex(value)
		if m == nil {
			break
		}
		if m[0] > 0 {
			out = append(out, kit.Parts(value[:m[0]])...)
		}
		if m[2] >= 0 {
			p, err := javatime.Strftime(strings.ReplaceAll(value[m[2]:m[3]], "YYYY", "yyyy"))
			if err != nil {
				p = "%Y.%m.%d"
				c.D.Lost(b, at.At, at.Shown(), err.Error())
			}
			out = append(out, draft.Tmpl(fmt.Sprintf("strftime(%q)", p)))
		} else if name := field(value[m[4]:m[5]]); name == "host" {
			out = append(out, draft.Tmpl("agent"))
		} else if name == "@timestamp" {
			out = append(out, draft.Tmpl("time"))
		} else if known := ofTopics[name]; known != "" && c.kafka {
			out = append(out, draft.Tmpl(known))
		} else {
			out = append(out, kit.FieldPart(name))
		}
		value = value[m[1]:]
	}
	if value != "" || out == nil {
		out = append(out, kit.Parts(value)...)
	}
	return out
}

// common does what every plugin can: add_field, add_tag, remove_field, tags.
func (c *converter) common(n *kit.Node, label, cond string) {
	if f := n.Find("add_field"); f != nil {
		inPairs(f)
		for _, kids := range inTurn(f.Kids) {
			var pairs []draft.Value
			for _, k := range kids {
				v := draft.Join(c.format(c.p.Notes, k, k.Value)...)
				pairs = append(pairs, kit.Key(field(k.Key)), v)
			}
			c.p.Filter("add_fields", label, cond).Set("fields", draft.Map(pairs...))
		}
		c.D.Carried(f.At, f.Name)
		f.Done()
	}
	var tags []string
	for _, name := range []string{"tags", "add_tag"} {
		for _, t := range n.Texts(name) {
			if reference.MatchString(t) {
				c.D.Lost(c.p.Notes, n.At, n.Name+"."+name+" "+t, "write filter \"set\" for this tag")
				continue
			}
			tags = append(tags, kit.Quote(t))
		}
	}
	if tags != nil {
		c.p.Filter("set", label+"_tags", cond).Set("fields", draft.Map(
			"tags",
			draft.Text("concat(field.tags ?? [], ["+strings.Join(tags, ", ")+"])"),
		))
		c.D.Carried(n.At, n.Name+".add_tag")
	}
	if f := n.Texts("remove_field"); f != nil {
		var names []string
		for _, name := range f {
			if name = field(name); !c.takesAway(name) {
				names = append(names, name)
			}
		}
		if names != nil {
			c.p.Filter("remove_fields", label, cond).Set("fields", draft.Texts(names...))
		}
		c.D.Carried(n.At, n.Name+".remove_field")
	}
}

// inTurn divides fields so that none is made of another one with which it stands: Logstash adds
// them one after the other, a filter at once.
func inTurn(kids []*kit.Node) (out [][]*kit.Node) {
	var now []*kit.Node
	made := map[string]bool{}
	for _, k := range kids {
		for _, m := range reference.FindAllStringSubmatch(k.Value, -1) {
			if made[field(m[2])] {
				out, now = append(out, now), nil
				clear(made)
			}
		}
		now, made[field(k.Key)] = append(now, k), true
	}
	return append(out, now)
}
