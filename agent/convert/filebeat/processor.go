package filebeat

import (
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
	"github.com/penstock/penstock/agent/convert/timepattern"
)

// processor is one of them while it is read.
type processor struct {
	*converter
	x    *kit.Node
	cond string // of the filters that it becomes
}

func (p *processor) add(typ string) *draft.Block {
	b := p.p.Filter(typ, p.x.Key, p.cond)
	b.From(p.x.At)
	p.D.Carried(p.x.At, p.x.Name)
	return b
}

func (p *processor) convert() {
	switch p.x.Key {
	case "drop_event":
		p.dropEvent()
	case "drop_fields":
		p.dropFields()
	case "include_fields":
		p.add("keep_fields").Set("fields", draft.Texts(p.x.Texts("fields")...))
	case "add_fields", "add_labels":
		p.addFields()
	case "add_tags":
		p.addTags()
	case "rename", "copy_fields":
		p.move()
	case "decode_json_fields":
		p.decodeJSON()
	case "dissect":
		p.dissect(p.x, p.add)
	case "timestamp":
		p.timestamp()
	case "convert":
		p.types()
	case "replace":
		p.replace()
	case "truncate_fields":
		p.truncate()
	case "decode_base64_field":
		p.decodeBase64()
	case "extract_array":
		p.extractArray()
	case "rate_limit":
		p.rateLimit(p.x, p.add)
	case "fingerprint":
		p.fingerprint()
	case "decode_csv_fields":
		p.Lost(p.p.Notes, p.x, "write filter \"parse\" with format = \"csv\" and the names of the columns")
	case "script":
		p.Lost(p.p.Notes, p.x, "write filter \"set\" with expressions, or \"wasm\"")
	case "urldecode", "registered_domain", "translate_sid", "community_id":
		p.Lost(p.p.Notes, p.x, "there is no filter that does this: have what reads the records do it, or filter \"wasm\"")
	case "dns":
		p.Lost(p.p.Notes, p.x, "nothing is asked of others: see filter \"lookup\" for tables of your own")
	case "add_id":
		p.Left(p.p.Notes, p.x, "see filter \"uuid\"")
	case "add_kubernetes_metadata":
		p.pods(p.x, p.cond)
	case "add_host_metadata", "add_cloud_metadata", "add_docker_metadata", "add_process_metadata", "add_locale", "add_observer_metadata":
		p.Left(p.p.Notes, p.x, "nothing is asked of others; write filter \"add_fields\" with ${agent} and what is known of the host")
	default:
		p.Lost(p.p.Notes, p.x, "there is no filter that does this; see penstock help")
	}
}

func (p *processor) dropEvent() {
	b := p.add("drop")
	if p.cond == "" {
		b.Set("if", draft.Text("true"))
	}
}

func (p *processor) dropFields() {
	var names, matching []string
	for _, f := range p.x.List("fields") {
		if len(f.Value) > 1 && strings.HasPrefix(f.Value, "/") && strings.HasSuffix(f.Value, "/") {
			matching = append(matching, strings.Trim(f.Value, "/"))
			p.Changed(p.p.Notes, f, "it is matched with the names of fields at the top, not with those below them")
			continue
		}
		names = append(names, f.Value)
	}
	if names != nil || matching != nil {
		b := p.add("remove_fields")
		if names != nil {
			b.Set("fields", draft.Texts(names...))
		}
		if matching != nil {
			b.Set("matching", draft.Texts(matching...))
		}
	}
}

func (p *processor) addFields() {
	list, target := p.x.Find("fields"), "fields"
	if p.x.Key == "add_labels" {
		list, target = p.x.Find("labels"), "labels"
	}
	if t := p.x.Take("target"); t != nil {
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
	p.add("add_fields").Set("fields", draft.Map(pairs...))
}

func (p *processor) addTags() {
	var quoted []string
	for _, t := range p.x.Texts("tags") {
		quoted = append(quoted, kit.Quote(t))
	}
	target := p.x.Text("target")
	if target == "" {
		target = "tags"
	}
	p.add("set").Set("fields", draft.Map(kit.Key(target), draft.Text(
		"concat("+kit.Field(target)+" ?? [], ["+strings.Join(quoted, ", ")+"])")))
}

func (p *processor) move() {
	var pairs []draft.Value
	for _, f := range p.x.List("fields") {
		from, to := f.Text("from"), f.Text("to")
		if p.x.Key == "rename" {
			pairs = append(pairs, kit.Key(from), draft.Text(to))
		} else {
			pairs = append(pairs, kit.Key(to), draft.Text(kit.Field(from)))
		}
	}
	if pairs == nil {
		return
	}
	typ := map[string]string{"rename": "rename_fields", "copy_fields": "set"}[p.x.Key]
	p.add(typ).Set("fields", draft.Map(pairs...))
}

func (p *processor) decodeJSON() {
	for _, f := range p.x.Texts("fields") {
		b := p.add("parse")
		b.Set("format", draft.Text("json"))
		b.Set("field", draft.Text(f))
		switch target := p.x.Take("target"); {
		case target == nil:
			b.Set("into", draft.Text(f))
		case target.Value != "":
			b.Set("into", draft.Text(target.Value))
			b.Set("keep", draft.Text(f))
		default:
			b.Set("keep", draft.Text(f))
		}
	}
}

func (p *processor) timestamp() {
	b := p.add("time")
	b.Set("field", draft.Text(p.x.Text("field")))
	var formats []string
	for _, layout := range p.x.List("layouts") {
		read, err := timepattern.ReadGo(layout.Value)
		if err != nil {
			p.Left(b, layout, err.Error())
			continue
		}
		formats = append(formats, read...)
		p.Carry(layout)
	}
	if formats != nil {
		b.Set("formats", draft.Texts(formats...))
	}
	p.Set(b, "zone", p.x, "timezone")
}

func (p *processor) types() {
	var types, pairs []draft.Value
	moves := p.x.Text("mode") == "rename"
	for _, f := range p.x.List("fields") {
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
		p.add(typ).Set("fields", draft.Map(pairs...))
	}
	if types != nil {
		p.add("convert").Set("types", draft.Map(types...))
	}
}

func (p *processor) replace() {
	for _, f := range p.x.List("fields") {
		b := p.add("replace")
		b.Set("field", draft.Text(f.Text("field")))
		b.Set("pattern", draft.Text(f.Text("pattern")))
		b.Set("with", draft.Text(f.Text("replacement")))
	}
}

func (p *processor) truncate() {
	size := p.x.Take("max_bytes", "max_characters")
	fields := p.x.Texts("fields")
	if size == nil || fields == nil {
		p.Lost(p.p.Notes, p.x, "write filter \"truncate\"")
		return
	}
	b := p.add("truncate")
	b.Set("fields", draft.Texts(fields...))
	b.Set("size", draft.Text(size.Value+"B"))
	if size.Key == "max_characters" {
		p.Changed(b, size, "it counts bytes, not characters")
	}
}

func (p *processor) decodeBase64() {
	from, to := p.x.Text("field.from"), p.x.Text("field.to")
	if to == "" {
		to = from
	}
	p.add("set").Set("fields", draft.Map(
		kit.Key(to), draft.Text("fromBase64("+kit.Field(from)+")"),
	))
}

func (p *processor) extractArray() {
	var pairs []draft.Value
	list := kit.Field(p.x.Text("field"))
	if m := p.x.Find("mappings"); m != nil {
		for _, k := range m.Kids {
			pairs = append(pairs, kit.Key(k.Key), draft.Text("get("+list+", "+k.Value+")"))
		}
		m.Done()
	}
	p.add("set").Set("fields", draft.Map(pairs...))
}

func (p *processor) fingerprint() {
	b := p.add("hash")
	b.Set("fields", draft.Texts(p.x.Texts("fields")...))
	into := p.x.Text("target_field")
	if into == "" {
		into = "fingerprint"
	}
	b.Set("into", draft.Text(into))
	p.D.Changed(b, p.x.At, p.x.Name, "the hash is another: names of fields are not hashed; see algorithm")
	if into == "@metadata._id" {
		p.D.Lost(b, p.x.At, p.x.Name+".target_field",
			"it is a field; for ids of documents write filter \"set\" with a header of it, and id_header")
	}
}
