package vector

import (
	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// called are the names that VRL gives to fields which penstock calls otherwise, by format.
var called = map[string][][2]string{
	"nginx":           accessNames("client", "referer"),
	"apache_common":   accessNames("host", "referrer"),
	"apache_combined": accessNames("host", "referrer"),
	"nginx_error":     errorNames,
	"apache_error":    errorNames,
}

var errorNames = [][2]string{{"time", "timestamp"}, {"level", "severity"}}

func accessNames(client, referrer string) [][2]string {
	return [][2]string{
		{"time", "timestamp"}, {"remote_addr", client}, {"bytes", "size"}, {"user_agent", "agent"},
		{"referer", referrer},
	}
}

// request are the fields that VRL gives the whole request of an access.
var request = map[string]string{
	"nginx": "request", "apache_common": "message", "apache_combined": "message",
}

// asVRL gives the fields that a format has, below a prefix, the names that VRL gives them.
func (g *program) asVRL(b *draft.Block, format, prefix, cond string) {
	var names []draft.Value
	for _, n := range called[format] {
		if n[0] != n[1] {
			names = append(names, kit.Key(prefix+n[0]), draft.Text(prefix+n[1]))
		}
	}
	if names == nil {
		return
	}
	if prefix == "" {
		b.Set("time", draft.Bool(true))
	}
	g.p.Filter("rename_fields", g.name, cond).Set("fields", draft.Map(names...))
	if name := request[format]; name != "" {
		part := func(name string) string { return kit.Field(prefix + name) }
		g.p.Filter("set", g.name, cond).Set("fields", draft.Map(
			kit.Key(prefix+name),
			draft.Text(part("method")+" + ' ' + "+part("path")+" + ' ' + "+part("protocol")),
		))
	}
}
