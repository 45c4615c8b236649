package kit

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
)

var askedField = regexp.MustCompile(`field((?:\.\w+|\['[^']+'\])+)`)

// Asked returns the fields that conditions ask for.
func Asked(conds []string) (out []string) {
	for _, e := range conds {
		for _, m := range askedField.FindAllStringSubmatch(e, -1) {
			name := strings.NewReplacer("['", ".", "']", "").Replace(m[1])
			if name = strings.TrimPrefix(name, "."); !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// Decide has the branch that a record takes decided before its filters work, each of which asks
// anew, and returns the conditions of all branches. The last has no condition if there are fewer
// of those.
func (p *Pipeline) Decide(branches []draft.Place, conds []string, outer string) []string {
	p.chains++
	header := fmt.Sprintf("branch_%d", p.chains)
	out := make([]string, len(branches))
	for i := range branches {
		e := ""
		if i < len(conds) {
			e = conds[i]
		}
		b := p.Filter("set", header, And(outer, e, "header."+header+" == nil"))
		b.From(branches[i])
		if i == 0 {
			b.Comment("Which branch is taken is decided before what is in it changes the record.")
		}
		b.Set("headers", draft.Map(draft.Value(header), draft.Text(fmt.Sprintf("'%d'", i+1))))
		out[i] = fmt.Sprintf("header.%s == '%d'", header, i+1)
	}
	return out
}
