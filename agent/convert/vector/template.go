package vector

import (
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
	"github.com/penstock/penstock/agent/convert/timepattern"
)

var conversion = regexp.MustCompile(`^%[-_0^#:.]*\d*[A-Za-z+]`)

var template = regexp.MustCompile(`\{\{\s*(\.?(?:[\w.@]|"[^"]*")+)\s*\}\}`)

// varying is what stands for something of an event.
var varying = regexp.MustCompile(template.String() + `|%[A-Za-z]`)

// added are the fields that Vector adds to events, which are none here, as templates have them.
var added = map[string]string{
	"host": `expr("field.host ?? agent")`, "file": `expr("field.file ?? origin")`,
}

// tmpl turns {{ field }} and %Y into a template.
func tmpl(value string) draft.Value {
	var out []draft.Part
	plain := func(s string) {
		for s != "" {
			i := strings.IndexByte(s, '%')
			if i < 0 || i+1 >= len(s) {
				out = append(out, kit.Parts(s)...)
				return
			}
			if i > 0 {
				out = append(out, kit.Parts(s[:i])...)
			}
			whole := conversion.FindString(s[i:])
			format, err := timepattern.Write(whole)
			if whole == "" || err != nil {
				out = append(out, draft.Lit(s[i:i+2]))
				s = s[i+2:]
				continue
			}
			out = append(out, draft.Tmpl("strftime("+string(draft.Text(format))+")"))
			s = s[i+len(whole):]
		}
	}
	for {
		m := template.FindStringSubmatchIndex(value)
		if m == nil {
			break
		}
		plain(value[:m[0]])
		if path := plainPath(value[m[2]:m[3]]); added[path] != "" {
			out = append(out, draft.Tmpl(added[path]))
		} else {
			out = append(out, kit.FieldPart(path))
		}
		value = value[m[1]:]
	}
	plain(value)
	if out == nil {
		out = append(out, draft.Lit(""))
	}
	return draft.Join(out...)
}
