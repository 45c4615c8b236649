package logstash

import (
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// mutate does things in the order in which Logstash does them, whatever order they are written in.
func (c *converter) mutate(n *kit.Node, cond string) {
	add := func(typ, op string) *draft.Block {
		b := c.p.Filter(typ, "mutate", cond)
		b.From(n.At)
		c.D.Carried(n.At, n.Name+"."+op)
		return b
	}
	for _, op := range []string{"coerce", "rename", "update", "replace", "convert", "gsub", "uppercase", "capitalize", "lowercase", "strip", "split", "join", "merge", "copy"} {
		x := n.Find(op)
		if x == nil {
			continue
		}
		if !ofFields[op] {
			inPairs(x)
		}
		if op == "convert" {
			c.types(x, cond)
			continue
		}
		var pairs []draft.Value
		switch op {
		case "rename":
			for _, k := range x.Kids {
				pairs = append(pairs, kit.Key(field(k.Key)), draft.Text(field(k.Value)))
			}
			add("rename_fields", op).Set("fields", draft.Map(pairs...))
		case "replace", "update":
			for _, kids := range inTurn(x.Kids) {
				b := add("add_fields", op)
				var pairs []draft.Value
				for _, k := range kids {
					v := draft.Join(c.format(b, k, k.Value)...)
					pairs = append(pairs, kit.Key(field(k.Key)), v)
				}
				b.Set("fields", draft.Map(pairs...))
				if op == "update" && len(kids) == 1 {
					b.Set("if", draft.Text(kit.And(cond, kit.Field(field(kids[0].Key))+" != nil")))
				}
			}
		case "copy":
			for _, k := range x.Kids {
				pairs = append(pairs, kit.Key(field(k.Value)), draft.Text(kit.Field(field(k.Key))))
			}
			add("set", op).Set("fields", draft.Map(pairs...))
		case "uppercase", "lowercase", "strip":
			fn := map[string]string{"uppercase": "upper", "lowercase": "lower", "strip": "trim"}[op]
			for _, f := range n.Texts(op) {
				pairs = append(pairs, kit.Key(field(f)), draft.Text(fn+"("+kit.Field(field(f))+")"))
			}
			add("set", op).Set("fields", draft.Map(pairs...))
		case "gsub":
			list := n.Texts(op)
			for i := 0; i+2 < len(list); i += 3 {
				if _, err := regexp.Compile(list[i+1]); err != nil {
					c.D.Lost(c.p.Notes, x.At, x.Name, "RE2 has it not: "+err.Error())
					continue
				}
				b := add("replace", op)
				b.Set("field", draft.Text(field(list[i])))
				b.Set("pattern", draft.Text(list[i+1]))
				b.Set("with", draft.Text(backReference.ReplaceAllString(
					strings.ReplaceAll(list[i+2], "$", "$$"), "$${$1}",
				)))
			}
		case "split":
			for _, k := range x.Kids {
				b := add("split", op)
				b.Set("field", draft.Text(field(k.Key)))
				b.Set("separator", draft.Text(k.Value))
			}
		case "join":
			for _, k := range x.Kids {
				pairs = append(pairs, kit.Key(field(k.Key)), draft.Text(
					"join("+kit.Field(field(k.Key))+", "+kit.Quote(k.Value)+")"))
			}
			add("set", op).Set("fields", draft.Map(pairs...))
		default:
			c.Left(c.p.Notes, x, "write filter \"set\" for it")
		}
		x.Done()
	}
}

// backReference is a group of the pattern in a replacement of Ruby's.
var backReference = regexp.MustCompile(`\\(\d)`)

func (c *converter) types(conv *kit.Node, cond string) {
	var pairs []draft.Value
	for _, k := range conv.Kids {
		typ := map[string]string{"integer": "int", "float": "float", "boolean": "bool", "string": "string", "integer_eu": "int", "float_eu": "float"}[k.Value]
		if typ == "" {
			c.Left(c.p.Notes, k, "there is no such type")
			continue
		}
		pairs = append(pairs, kit.Key(field(k.Key)), draft.Text(typ))
	}
	conv.Done()
	if pairs != nil {
		c.p.Filter("convert", "mutate", cond).Set("types", draft.Map(pairs...))
		c.D.Carried(conv.At, conv.Name)
	}
}

// ofFields are what mutate does to fields of a list.
var ofFields = map[string]bool{
	"gsub": true, "uppercase": true, "capitalize": true, "lowercase": true, "strip": true,
}

// inPairs makes names and values of the old form, a list of them.
func inPairs(x *kit.Node) {
	var out []*kit.Node
	for i := 0; i < len(x.Kids); i++ {
		k := x.Kids[i]
		if k.Key == "" && k.Scalar && i+1 < len(x.Kids) {
			v := *x.Kids[i+1]
			v.Key, v.Name = k.Value, x.Name+"."+k.Value
			k, i = &v, i+1
		}
		out = append(out, k)
	}
	x.Kids = out
}

// ofMutate are options of the filter mutate, which are taken for filters, and what they are here.
var ofMutate = map[string]string{
	"add_field":    "filter \"add_fields\" { fields = { env = \"prod\" } }",
	"add_tag":      "filter \"set\" { fields = { tags = \"concat(field.tags ?? [], ['a'])\" } }",
	"remove_field": "filter \"remove_fields\" { fields = [\"a\"] }",
	"rename":       "filter \"rename_fields\" { fields = { a = \"b\" } }",
	"convert":      "filter \"convert\" { types = { a = \"int\" } }",
	"gsub":         "filter \"replace\" { field = \"a\" pattern = \"b\" with = \"c\" }",
}
