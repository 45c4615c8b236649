package logstash

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/javatime"
	"github.com/penstock/penstock/agent/convert/kit"
	"github.com/penstock/penstock/agent/convert/timepattern"
	grokformats "github.com/penstock/penstock/agent/filter/formats"
)

// filters is what does the work of Logstash's.
var filters = map[string]func(c *converter, n *kit.Node, cond string){
	"grok":        (*converter).grok,
	"mutate":      (*converter).mutate,
	"date":        (*converter).date,
	"json":        (*converter).json,
	"kv":          (*converter).keyValue,
	"csv":         (*converter).csv,
	"drop":        (*converter).drop,
	"dissect":     (*converter).dissect,
	"split":       (*converter).split,
	"fingerprint": (*converter).fingerprint,
	"uuid":        (*converter).uuid,
	"useragent":   (*converter).userAgent,
	"geoip":       (*converter).geoip,
}

const noFilter = "there is no filter that does this; see penstock help"

// leftFilters are those that decide nothing of where data goes, and what there is instead.
var leftFilters = map[string]string{
	"metrics":   "see filter \"count\": counters and histograms on /metrics",
	"dns":       "see filter \"lookup\" for tables of your own; nothing is asked of others",
	"urldecode": noFilter, "cidr": noFilter, "cipher": noFilter, "elapsed": noFilter, "i18n": noFilter,
}

// otherFilters are those that penstock does otherwise.
var otherFilters = map[string]string{
	"translate": "write filter \"lookup\", with a table",
	"throttle":  "write filter \"throttle\", with limit, per and key",
	"truncate":  "write filter \"truncate\", with fields and size",
	"prune":     "write filter \"keep_fields\" or \"remove_fields\"",
	"ruby":      "write filter \"set\" with expressions, or \"wasm\"",
	"aggregate": "nothing is put together of several records, but lines by filter \"multiline\"",
}

// filter adds the filters for one of Logstash's.
func (c *converter) filter(n *kit.Node, cond string) {
	c.parses, c.works = nil, ""
	work, ok := filters[n.Key]
	if why := leftFilters[n.Key]; why != "" {
		c.Left(c.p.Notes, n, why)
		return
	} else if !ok {
		why := cmp.Or(otherFilters[n.Key], noFilter)
		if write := ofMutate[strings.TrimSuffix(n.Key, "s")]; write != "" {
			why = "Logstash has it in mutate { }: write " + write
		}
		c.Lost(c.p.Notes, n, why)
		return
	}
	if n.Key == "drop" && n.Find("percentage") != nil {
		c.dropShare(n, n.Take("percentage"), cond)
		return
	}
	work(c, n, cond)
	c.common(n, n.Key, kit.And(cond, c.works))
	c.Rest(c.p.Notes, n, map[string]string{
		"skip_on_invalid_json":    "what cannot be parsed passes: see on_failure",
		"lru_cache_size":          "nothing is cached",
		"break_on_match":          "the first pattern that fits is taken",
		"named_captures_only":     "named parts become fields",
		"locale":                  "names of months and days are English",
		"id":                      "components have names of their own",
		"autodetect_column_names": "the first line of a file names the columns, or columns does",
		"skip_header":             "see header",
	})
}

// add adds a filter for one of Logstash's.
func (c *converter) add(typ string, n *kit.Node, cond string) *draft.Block {
	b := c.p.Filter(typ, n.Key, cond)
	b.From(n.At)
	c.D.Carried(n.At, n.Name)
	return b
}

func (c *converter) json(n *kit.Node, cond string) {
	b := c.add("parse", n, cond)
	c.parsed(n, b, "json")
	c.mark(b, n, cond)
}

func (c *converter) keyValue(n *kit.Node, cond string) {
	b := c.add("parse", n, cond)
	c.parsed(n, b, "key_value")
	c.separator(b, "pair_separator", n.Take("field_split"))
	c.separator(b, "value_separator", n.Take("value_split"))
	c.mark(b, n, cond)
}

func (c *converter) csv(n *kit.Node, cond string) {
	b := c.add("parse", n, cond)
	c.parsed(n, b, "csv")
	if cols := n.Texts("columns"); cols != nil {
		b.Set("columns", draft.Texts(cols...))
	} else {
		b.Set("header", draft.Bool(true))
		c.D.Changed(b, n.At, n.Name, "the first line of a file names the columns")
	}
	if s := n.Take("separator"); s != nil {
		b.Set("delimiter", draft.Text(strings.ReplaceAll(s.Value, `\t`, "\t")))
	}
	c.mark(b, n, cond)
	if conv := n.Find("convert"); conv != nil {
		c.types(conv, cond)
	}
}

func (c *converter) drop(n *kit.Node, cond string) {
	b := c.add("drop", n, cond)
	if cond == "" {
		b.Set("if", draft.Text("true"))
	}
}

func (c *converter) split(n *kit.Node, cond string) {
	f := cmp.Or(field(n.Text("field")), "message")
	b := c.add("split", n, cond)
	b.Set("field", draft.Text(f))
	sep := cmp.Or(n.Text("terminator"), "\n")
	b.Set("separator", draft.Text(strings.ReplaceAll(sep, `\n`, "\n")))
	c.add("explode", n, cond).Set("field", draft.Text(f))
}

func (c *converter) fingerprint(n *kit.Node, cond string) {
	b := c.add("hash", n, cond)
	src := n.Texts("source")
	if src == nil {
		src = []string{"message"}
	}
	for i := range src {
		src[i] = field(src[i])
	}
	b.Set("fields", draft.Texts(src...))
	b.Set("into", draft.Text(cmp.Or(field(n.Text("target")), "fingerprint")))
	method := n
	if x := n.Take("method"); x != nil {
		method = x
	}
	c.D.Changed(b, method.At, method.Shown(), "the hash is another; see algorithm")
}

func (c *converter) uuid(n *kit.Node, cond string) {
	b := c.add("uuid", n, cond)
	if target := field(n.Text("target")); target != "" {
		b.Set("field", draft.Text(target))
	}
}

func (c *converter) userAgent(n *kit.Node, cond string) {
	b := c.add("parse", n, cond)
	c.parsed(n, b, "user_agent")
	if n.Text("target") == "" {
		b.Set("into", draft.Text("user_agent"))
	}
	c.D.Changed(b, n.At, n.Name,
		"names and versions are told by other rules; fields are as in ECS: name, version, os.name, ...")
}

// parsed writes what is parsed, and where to.
func (c *converter) parsed(n *kit.Node, b *draft.Block, format string) {
	b.Set("format", draft.Text(format))
	source := cmp.Or(field(n.Text("source")), "message")
	b.Set("field", draft.Text(source))
	b.Set("keep", draft.Text(source))
	if target := field(n.Text("target")); target != "" {
		b.Set("into", draft.Text(target))
	}
}

var (
	nested      = regexp.MustCompile(`(%\{\w+):\[([^}:]+)\]((?::\w+)?\})`)
	captureType = regexp.MustCompile(`(%\{\w+:[^:}]+):(\w+)(?::\w+)?\}`)
	fraction    = regexp.MustCompile(`S+`)
)

func (c *converter) grok(n *kit.Node, cond string) {
	match := n.Find("match")
	if match == nil {
		c.Lost(c.p.Notes, n, "it has no match")
		return
	}
	inPairs(match) // the old form: a list of fields and patterns
	var kids []*kit.Node
next:
	for _, k := range match.Kids {
		for _, o := range kids {
			if o.Key == k.Key {
				o.Kids = append(append(o.Kids, k), k.Kids...)
				continue next
			}
		}
		kids = append(kids, k)
	}
	overwrite := n.Texts("overwrite")
	for _, k := range kids {
		var patterns []string
		var moves []draft.Value
		for _, x := range append([]*kit.Node{k}, k.Kids...) {
			if !x.Scalar {
				continue
			}
			p := nested.ReplaceAllStringFunc(x.Value, func(s string) string {
				m := nested.FindStringSubmatch(s)
				joined := strings.ReplaceAll(m[2], "][", "_")
				move := draft.Text(strings.ReplaceAll(m[2], "][", "."))
				if strings.Contains(m[2], "][") && !slices.Contains(moves, move) {
					moves = append(moves, kit.Key(joined), move)
				}
				return m[1] + ":" + joined + m[3]
			})
			p = captureType.ReplaceAllStringFunc(p, func(s string) string {
				m := captureType.FindStringSubmatch(s)
				if m[2] == "int" || m[2] == "float" {
					return s
				}
				return m[1] + "}" // text, as Logstash leaves it
			})
			patterns = append(
				patterns,
				regexp.MustCompile(`\(\?<([A-Za-z_])`).ReplaceAllString(p, "(?P<$1"),
			)
		}
		definitions := map[string]string{}
		defs := n.Find("pattern_definitions")
		if defs != nil {
			for _, d := range defs.Kids {
				definitions[d.Key] = d.Value
			}
		}
		all := patterns
		patterns = nil
		for _, p := range all {
			g, err := grokformats.NewGrok(p, definitions)
			if err != nil {
				c.D.Lost(c.p.Notes, k.At, k.Name+" "+p, err.Error())
				continue
			}
			patterns = append(patterns, p)
			for _, name := range g.Fields() {
				flat := kit.Key(strings.ReplaceAll(name, ".", `\.`))
				isOwn := strings.Contains(p, name)
				if strings.Contains(name, ".") && !isOwn && !slices.Contains(moves, flat) {
					moves = append(moves, flat, draft.Text(ecsName(name)))
				}
			}
		}
		if patterns == nil {
			continue
		}
		b := c.add("parse", n, cond)
		if strings.Contains(strings.Join(patterns, " "), "APACHELOG") {
			b.Comment("Its fields have the names of the Elastic Common Schema.")
		}
		b.Set("format", draft.Text("grok"))
		b.Set("field", draft.Text(field(k.Key)))
		if len(overwrite) == 0 {
			b.Set("keep", draft.Text(field(k.Key)))
		}
		if len(patterns) == 1 {
			b.Set("pattern", draft.Text(patterns[0]))
		} else {
			b.Set("patterns", draft.Texts(patterns...))
		}
		c.mark(b, n, cond)
		if defs != nil {
			var pairs []draft.Value
			for _, d := range defs.Kids {
				pairs = append(pairs, kit.Key(d.Key), draft.Text(d.Value))
			}
			b.Set("definitions", draft.Map(pairs...))
			defs.Done()
		}
		if d := n.Take("patterns_dir"); d != nil {
			d.Done()
			c.D.Lost(b, d.At, d.Name, "write what of those files is used into definitions")
		}
		if moves != nil {
			c.add("rename_fields", n, cond).Set("fields", draft.Map(moves...))
		}
	}
	match.Done()
}

// ecsName is the name, in objects, that patterns of Logstash give to what those here call so.
func ecsName(name string) string {
	if name == "http.response.body.size" {
		return "http.response.body.bytes"
	}
	return name
}

// separator carries over what divides the pairs of kv, which is any one of some characters there.
func (c *converter) separator(b *draft.Block, attr string, s *kit.Node) {
	if s == nil {
		return
	}
	chars := []rune(strings.NewReplacer(`\t`, "\t", `\n`, "\n", `\\`, `\`).Replace(s.Value))
	if len(chars) == 0 {
		return
	}
	b.Set(attr, draft.Text(string(chars[:1])))
	if len(slices.Compact(chars)) > 1 {
		c.Lost(b, s, "one character divides here: have filter \"replace\" write it for the others")
	}
}

func (c *converter) date(n *kit.Node, cond string) {
	match := n.Texts("match")
	if len(match) < 2 {
		c.Lost(c.p.Notes, n, "it has no match")
		return
	}
	b := c.add("time", n, cond)
	c.parses = append(c.parses, b)
	b.Set("field", draft.Text(field(match[0])))
	var formats []string
	for _, f := range match[1:] {
		switch f {
		case "ISO8601":
			formats = append(formats, "iso8601")
		case "UNIX":
			formats = append(formats, "epoch_s")
		case "UNIX_MS":
			formats = append(formats, "epoch_ms")
		default:
			written := f
			f := fraction.ReplaceAllString(strings.ReplaceAll(f, "YYYY", "yyyy"), "SSS")
			p, err := javatime.Strftime(f)
			if err != nil {
				c.D.Lost(b, n.At, n.Name+" "+f, err.Error())
				continue
			}
			if strings.Contains(written, "SSSS") {
				p = strings.ReplaceAll(p, "%L", "%f")
			}
			formats = append(formats, p)
		}
	}
	if formats != nil {
		b.Set("formats", draft.Texts(formats...))
	}
	if !c.Set(b, "zone", n, "timezone") && timepattern.Zoneless(formats...) {
		c.D.Changed(b, n.At, n.Name, timepattern.Local)
	}
	if target := field(n.Text("target")); target != "" && target != "@timestamp" {
		c.D.Lost(b, n.At, n.Name+".target", "it becomes the record's time, and no field")
	}
	if x := n.Take("tag_on_failure"); x != nil {
		c.Left(b, x, "no tag tells that a time could not be read")
	}
	n.Find("match").Done()
}

func (c *converter) dissect(n *kit.Node, cond string) {
	m := n.Find("mapping")
	if m == nil {
		c.Lost(c.p.Notes, n, "it has no mapping")
		return
	}
	for _, k := range m.Kids {
		tokens, ok := kit.Dissect(k.Value)
		if !ok {
			c.Lost(c.p.Notes, k, "write a regular expression for the tokenizer")
			continue
		}
		b := c.add("parse", n, cond)
		b.Set("format", draft.Text("regex"))
		b.Set("field", draft.Text(field(k.Key)))
		b.Set("keep", draft.Text(field(k.Key)))
		b.Set("pattern", draft.Text(tokens.Pattern))
		c.mark(b, n, cond)
		if tokens.Names != nil {
			var names []draft.Value
			for _, name := range tokens.Names {
				names = append(names, kit.Key(name[0]), draft.Text(name[1]))
			}
			c.p.Filter("rename_fields", n.Key, cond).Set("fields", draft.Map(names...))
		}
		k.Done()
	}
	m.Done()
	if conv := n.Find("convert_datatype"); conv != nil {
		for _, k := range conv.Kids {
			k.Value = map[string]string{"int": "integer", "float": "float"}[k.Value]
		}
		c.types(conv, cond)
	}
}

// dropShare drops a part of the records.
func (c *converter) dropShare(n, x *kit.Node, cond string) {
	share, err := strconv.ParseFloat(x.Value, 64)
	if err != nil || share < 0 || share > 100 {
		c.Lost(c.p.Notes, n, "it is no share that is known now: write filter \"sample\"")
		return
	}
	b := c.p.Filter("sample", n.Key, cond)
	b.From(n.At)
	b.Set("keep", draft.Value(strconv.FormatFloat(1-share/100, 'g', 4, 64)))
	c.Carry(x)
}

// geoip looks an address up in a database, if it is said which.
func (c *converter) geoip(n *kit.Node, cond string) {
	db := n.Take("database")
	source := n.Take("source")
	if db == nil || source == nil {
		c.Left(c.p.Notes, n, "write filter \"lookup\" with a database of MaxMind's, *.mmdb, as its table")
		return
	}
	b := c.add("lookup", n, cond)
	b.Set("table", kit.Text(db.Value))
	b.Set("key", draft.Text(kit.Field(field(source.Value))))
	b.Set("into", draft.Text(cmp.Or(field(n.Text("target")), "geoip")))
	c.Carry(db)
	c.Carry(source)
	c.D.Changed(b, n.At, n.Name, "fields are called as the database calls them, such as country.iso_code")
}
