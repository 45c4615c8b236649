package fluentbit

import (
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/kit"
)

var geoRecord = regexp.MustCompile(`^(\S+)\s+(\S+)\s+%\{([^}]+)\}$`)

// geoip looks an address up, and gives what is found its names.
func (c *converter) geoip(s *section, m flow.Match, label string) {
	key := s.value("lookup_key")
	if key == "" || s.value("database") == "" {
		c.d.Lost(c.flow.Notes(), s.at, s.title(), "write filter \"lookup\" with a database, *.mmdb, as its table")
		return
	}
	b := c.flow.Filter("lookup", label, m, "")
	c.set(b, "table", s, "database")
	b.Set("key", draft.Text(kit.Field(key)))
	b.Set("into", draft.Text("geoip2"))
	var pairs []draft.Value
	for _, p := range s.all("record") {
		r := geoRecord.FindStringSubmatch(p.value)
		if r == nil || r[2] != key {
			c.d.Lost(b, p.at, shown(p), "write filter \"set\" with field.geoip2 and what follows")
			continue
		}
		path := strings.NewReplacer("['", ".", "']", "").Replace(r[3])
		pairs = append(pairs, kit.Key(r[1]), draft.Text(kit.Field("geoip2."+path)))
		c.carry(p)
	}
	if pairs != nil {
		c.flow.Filter("set", label, m, "").Set("fields", draft.Map(pairs...))
	}
	c.flow.Filter("remove_fields", label, m, "").Set("fields", draft.Texts("geoip2"))
}
