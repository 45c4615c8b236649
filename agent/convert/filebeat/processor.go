package filebeat

import (
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
	"github.com/penstock/penstock/agent/convert/timepattern"
)

func (c *converter) processors(list *kit.Node, cond string) {
	if list == nil {
		return
	}
	for _, p := range list.Kids {
		for _, x := range p.Kids {
			switch {
			case x.Key == "if":
				when, ok := c.condition(x)
				if !ok {
					continue
				}
				then, otherwise := asList(p.Find("then")), asList(p.Find("else"))
				conds := []string{kit.And(cond, when), kit.And(cond, "not ("+when+")")}
				if names(then, kit.Asked([]string{when})) &&
					(len(then.Kids) > 1 || otherwise != nil) {
					conds = c.p.Decide([]draft.Place{x.At, x.At}, []string{when}, cond)
				}
				c.processors(then, conds[0])
				c.processors(otherwise, conds[1])
			case x.Key == "then" || x.Key == "else":
			default:
				c.processor(x, cond)
			}
		}
	}
}

// names reports whether what stands below n names one of the fields, by itself or below a target.
func names(n *kit.Node, fields []string) bool {
	if n == nil {
		return false
	}
	for _, f := range fields {
		last := f[strings.LastIndexByte(f, '.')+1:]
		if n.Key == f || n.Key == last || n.Scalar && (n.Value == f || n.Value == last) {
			return true
		}
	}
	return slices.ContainsFunc(n.Kids, func(k *kit.Node) bool { return names(k, fields) })
}

// asList makes a list of one processor where there is no list.
func asList(n *kit.Node) *kit.Node {
	if n == nil || len(n.Kids) > 0 && n.Kids[0].Key == "" {
		return n
	}
	return &kit.Node{Kids: []*kit.Node{n}}
}

func (c *converter) processor(x *kit.Node, cond string) {
	if when := x.Find("when"); when != nil {
		e, ok := c.condition(when)
		if !ok {
			x.Done()
			return
		}
		cond = kit.And(cond, e)
	}
	add := func(typ string) *draft.Block {
		b := c.p.Filter(typ, x.Key, cond)
		b.From(x.At)
		c.D.Carried(x.At, x.Name)
		return b
	}
	switch x.Key {
	case "drop_event":
		b := add("drop")
		if cond == "" {
			b.Set("if", draft.Text("true"))
		}
	case "drop_fields":
		var names, matching []string
		for _, f := range x.List("fields") {
			if len(f.Value) > 1 && strings.HasPrefix(f.Value, "/") && strings.HasSuffix(f.Value, "/") {
				matching = append(matching, strings.Trim(f.Value, "/"))
				c.Changed(c.p.Notes, f, "it is matched with the names of fields at the top, not with those below them")
				continue
			}
			names = append(names, f.Value)
		}
		if names != nil || matching != nil {
			b := add("remove_fields")
			if names != nil {
				b.Set("fields", draft.Texts(names...))
			}
			if matching != nil {
				b.Set("matching", draft.Texts(matching...))
			}
		}
	case "include_fields":
		add("keep_fields").Set("fields", draft.Texts(x.Texts("fields")...))
	case "add_fields", "add_labels":
		list, target := x.Find("fields"), "fields"
		if x.Key == "add_labels" {
			list, target = x.Find("labels"), "labels"
		}
		if t := x.Take("target"); t != nil {
			target = t.Value
		}
		if list == nil {
			return
		}
		if target != "" {
			target += "."
		}
		var pairs []draft.Value
		var gather func(n *kit.Node, path string)
		gather = func(n *kit.Node, path string) {
			for _, k := range n.Kids {
				if k.Scalar {
					pairs = append(pairs, kit.Key(path+k.Key), scalar(k))
				} else {
					gather(k, path+k.Key+".")
				}
			}
		}
		gather(list, target)
		list.Done()
		add("add_fields").Set("fields", draft.Map(pairs...))
	case "add_tags":
		var quoted []string
		for _, t := range x.Texts("tags") {
			quoted = append(quoted, kit.Quote(t))
		}
		target := x.Text("target")
		if target == "" {
			target = "tags"
		}
		add("set").Set("fields", draft.Map(kit.Key(target), draft.Text(
			"concat("+kit.Field(target)+" ?? [], ["+strings.Join(quoted, ", ")+"])")))
	case "rename", "copy_fields":
		var pairs []draft.Value
		for _, f := range x.List("fields") {
			from, to := f.Text("from"), f.Text("to")
			if x.Key == "rename" {
				pairs = append(pairs, kit.Key(from), draft.Text(to))
			} else {
				pairs = append(pairs, kit.Key(to), draft.Text(kit.Field(from)))
			}
		}
		if pairs == nil {
			return
		}
		typ := map[string]string{"rename": "rename_fields", "copy_fields": "set"}[x.Key]
		add(typ).Set("fields", draft.Map(pairs...))
	case "decode_json_fields":
		for _, f := range x.Texts("fields") {
			b := add("parse")
			b.Set("format", draft.Text("json"))
			b.Set("field", draft.Text(f))
			switch target := x.Take("target"); {
			case target == nil:
				b.Set("into", draft.Text(f))
			case target.Value != "":
				b.Set("into", draft.Text(target.Value))
				b.Set("keep", draft.Text(f))
			default:
				b.Set("keep", draft.Text(f))
			}
		}
	case "dissect":
		c.dissect(x, add)
	case "timestamp":
		b := add("time")
		b.Set("field", draft.Text(x.Text("field")))
		var formats []string
		for _, layout := range x.List("layouts") {
			read, err := timepattern.ReadGo(layout.Value)
			if err != nil {
				c.Left(b, layout, err.Error())
				continue
			}
			formats = append(formats, read...)
			c.Carry(layout)
		}
		if formats != nil {
			b.Set("formats", draft.Texts(formats...))
		}
		c.Set(b, "zone", x, "timezone")
	case "convert":
		var types, pairs []draft.Value
		moves := x.Text("mode") == "rename"
		for _, f := range x.List("fields") {
			typ := map[string]string{"integer": "int", "long": "int", "float": "float", "double": "float", "boolean": "bool", "string": "string", "ip": "string"}[f.Text("type")]
			from, to := f.Text("from"), f.Text("to")
			switch {
			case to == "" || to == from:
			case moves:
				pairs = append(pairs, kit.Key(from), draft.Text(to))
				from = to
			default:
				pairs = append(pairs, kit.Key(to), draft.Text(kit.Field(from)))
				from = to
			}
			if typ != "" {
				types = append(types, kit.Key(from), draft.Text(typ))
			}
		}
		if pairs != nil {
			typ := "set"
			if moves {
				typ = "rename_fields"
			}
			add(typ).Set("fields", draft.Map(pairs...))
		}
		if types != nil {
			add("convert").Set("types", draft.Map(types...))
		}
	case "replace":
		for _, f := range x.List("fields") {
			b := add("replace")
			b.Set("field", draft.Text(f.Text("field")))
			b.Set("pattern", draft.Text(f.Text("pattern")))
			b.Set("with", draft.Text(f.Text("replacement")))
		}
	case "truncate_fields":
		size := x.Take("max_bytes", "max_characters")
		fields := x.Texts("fields")
		if size == nil || fields == nil {
			c.Lost(c.p.Notes, x, "write filter \"truncate\"")
			return
		}
		b := add("truncate")
		b.Set("fields", draft.Texts(fields...))
		b.Set("size", draft.Text(size.Value+"B"))
		if size.Key == "max_characters" {
			c.Changed(b, size, "it counts bytes, not characters")
		}
	case "decode_base64_field":
		from, to := x.Text("field.from"), x.Text("field.to")
		if to == "" {
			to = from
		}
		add("set").Set("fields", draft.Map(
			kit.Key(to), draft.Text("fromBase64("+kit.Field(from)+")"),
		))
	case "extract_array":
		var pairs []draft.Value
		list := kit.Field(x.Text("field"))
		if m := x.Find("mappings"); m != nil {
			for _, k := range m.Kids {
				pairs = append(pairs, kit.Key(k.Key), draft.Text("get("+list+", "+k.Value+")"))
			}
			m.Done()
		}
		add("set").Set("fields", draft.Map(pairs...))
	case "rate_limit":
		c.rateLimit(x, add)
	case "fingerprint":
		b := add("hash")
		b.Set("fields", draft.Texts(x.Texts("fields")...))
		into := x.Text("target_field")
		if into == "" {
			into = "fingerprint"
		}
		b.Set("into", draft.Text(into))
		c.D.Changed(b, x.At, x.Name, "the hash is another: names of fields are not hashed; see algorithm")
		if into == "@metadata._id" {
			c.D.Lost(b, x.At, x.Name+".target_field",
				"it is a field; for ids of documents write filter \"set\" with a header of it, and id_header")
		}
	case "decode_csv_fields":
		c.Lost(c.p.Notes, x, "write filter \"parse\" with format = \"csv\" and the names of the columns")
	case "script":
		c.Lost(c.p.Notes, x, "write filter \"set\" with expressions, or \"wasm\"")
	case "urldecode", "registered_domain", "translate_sid", "community_id":
		c.Lost(c.p.Notes, x, "there is no filter that does this: have what reads the records do it, or filter \"wasm\"")
	case "dns":
		c.Lost(c.p.Notes, x, "nothing is asked of others: see filter \"lookup\" for tables of your own")
	case "add_id":
		c.Left(c.p.Notes, x, "see filter \"uuid\"")
	case "add_kubernetes_metadata":
		c.pods(x, cond)
	case "add_host_metadata", "add_cloud_metadata", "add_docker_metadata", "add_process_metadata", "add_locale", "add_observer_metadata":
		c.Left(c.p.Notes, x, "nothing is asked of others; write filter \"add_fields\" with ${agent} and what is known of the host")
	default:
		c.Lost(c.p.Notes, x, "there is no filter that does this; see penstock help")
	}
}

var limited = regexp.MustCompile(`^(\d+)/([smh])$`)

// rateLimit lets so many records pass in each second, minute or hour.
func (c *converter) rateLimit(x *kit.Node, add func(string) *draft.Block) {
	m := limited.FindStringSubmatch(x.Text("limit"))
	if m == nil {
		c.Lost(c.p.Notes, x, "write filter \"throttle\", with limit, per and key")
		return
	}
	b := add("throttle")
	var keys []string
	for _, f := range x.Texts("fields") {
		keys = append(keys, "string("+kit.Field(f)+" ?? '')")
	}
	if keys != nil {
		b.Set("key", draft.Text(strings.Join(keys, " + '|' + ")))
	}
	b.Set("limit", draft.Value(m[1]))
	b.Set("per", draft.Text("1"+m[2]))
}

// dissect turns a tokenizer into a regular expression.
func (c *converter) dissect(x *kit.Node, add func(string) *draft.Block) {
	tokens, ok := kit.Dissect(x.Text("tokenizer"))
	if !ok {
		c.Lost(c.p.Notes, x, "write a regular expression for the tokenizer")
		return
	}
	field := x.Text("field")
	if field == "" {
		field = "message"
	}
	b := add("parse")
	b.Set("format", draft.Text("regex"))
	b.Set("field", draft.Text(field))
	b.Set("keep", draft.Text(field))
	b.Set("pattern", draft.Text(tokens.Pattern))
	prefix := ""
	switch target := x.Take("target_prefix"); {
	case target == nil:
		prefix = "dissect"
	case target.Value != "":
		prefix = target.Value
	}
	if prefix != "" {
		b.Set("into", draft.Text(prefix))
		prefix += "."
	}
	if tokens.Types != nil {
		var types []draft.Value
		for _, t := range tokens.Types {
			types = append(types, kit.Key(t[0]), draft.Text(t[1]))
		}
		b.Set("types", draft.Map(types...))
	}
	if tokens.Names != nil {
		var names []draft.Value
		for _, n := range tokens.Names {
			names = append(names, kit.Key(prefix+n[0]), draft.Text(prefix+n[1]))
		}
		add("rename_fields").Set("fields", draft.Map(names...))
	}
}

// condition reads a condition; false if it is not known, which is told.
func (c *converter) condition(n *kit.Node) (string, bool) {
	var parts []string
	for _, k := range n.Kids {
		e, ok := c.test(k)
		if !ok {
			c.D.Lost(c.p.Notes, k.At, k.Name, "this condition is not known: write the filter")
			n.Done()
			return "", false
		}
		parts = append(parts, e)
	}
	n.Done()
	return kit.And(parts...), len(parts) > 0
}

func (c *converter) test(k *kit.Node) (string, bool) {
	var parts []string
	switch k.Key {
	case "and", "or":
		for _, x := range k.Kids {
			e, ok := c.condition(x)
			if !ok {
				return "", false
			}
			parts = append(parts, e)
		}
		return "(" + strings.Join(parts, " "+k.Key+" ") + ")", true
	case "not":
		e, ok := c.condition(k)
		return "not (" + e + ")", ok
	case "has_fields":
		for _, x := range k.Kids {
			parts = append(parts, kit.Field(x.Value)+" != nil")
		}
		return kit.And(parts...), true
	case "equals", "contains", "regexp":
		for name, x := range leaves(k, "") {
			f := kit.Field(name)
			switch {
			case k.Key == "contains":
				parts = append(parts, "string("+f+" ?? '') contains "+kit.Quote(x.Value))
			case k.Key == "regexp":
				if _, err := regexp.Compile(x.Value); err != nil {
					return "", false
				}
				parts = append(parts, "string("+f+" ?? '') matches "+kit.Quote(x.Value))
			case !x.Quoted:
				parts = append(parts, f+" == "+x.Value)
			default:
				parts = append(parts, f+" == "+kit.Quote(x.Value))
			}
		}
		return kit.And(parts...), true
	case "range":
		for name, x := range leaves(k, "") {
			i := strings.LastIndexByte(name, '.')
			op := map[string]string{"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}[name[i+1:]]
			if op == "" || i < 0 {
				return "", false
			}
			parts = append(parts, kit.Field(name[:i])+" "+op+" "+x.Value)
		}
		return kit.And(parts...), true
	}
	return "", false
}

// leaves yields the settings below n by their names with dots.
func leaves(n *kit.Node, prefix string) func(yield func(string, *kit.Node) bool) {
	return func(yield func(string, *kit.Node) bool) {
		for _, k := range n.Kids {
			if k.Scalar {
				if !yield(prefix+k.Key, k) {
					return
				}
				continue
			}
			for name, x := range leaves(k, prefix+k.Key+".") {
				if !yield(name, x) {
					return
				}
			}
		}
	}
}

// pods has the inputs that read the logs of containers ask the API server of their pods, and makes
// fields of that.
func (c *converter) pods(x *kit.Node, cond string) {
	asked := 0
	for _, in := range c.p.Inputs {
		if in.Get("container") == "" || cond != "" && !strings.Contains(cond, kit.Quote(in.Label())) {
			continue
		}
		asked++
		k := in.In("kubernetes")
		if host := x.Find("host"); host != nil {
			k.Set("node", kit.Text(x.Text("host")))
			c.Carry(host)
		} else {
			k.Set("node", draft.Env("NODE_NAME"))
		}
		k.Set("honor_exclude", draft.Bool(false))
	}
	if asked == 0 {
		c.Left(c.p.Notes, x, "write container = true and a kubernetes block in input \"tail\"")
		return
	}
	b := c.p.Filter("set", x.Key, kit.And(cond, "header.pod != nil"))
	b.From(x.At)
	b.Set("fields", draft.Map(draft.Value("kubernetes"), draft.Text(
		"{namespace: header.namespace, pod: {name: header.pod, uid: header.uid}, "+
			"node: {name: header.node}, container: {name: header.container}, "+
			"labels: headers('labels.')}")))
	c.D.Changed(b, x.At, x.Name,
		"what it tells of namespaces, nodes and images is not told; the headers go with the record")
	for _, k := range x.Kids {
		switch k.Key {
		case "matchers", "default_matchers", "default_indexers", "in_cluster":
			c.Left(b, k, "pods are told by the paths of their logs, always")
		}
	}
}
