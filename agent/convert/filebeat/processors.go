package filebeat

import (
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
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
	(&processor{c, x, cond}).convert()
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
