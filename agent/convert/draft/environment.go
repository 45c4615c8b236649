package draft

import (
	"fmt"
	"regexp"
	"strings"
)

// reference is one to the environment that was taken for text, as HCL has that.
var reference = regexp.MustCompile(
	`\$\$\{(?:env:|ENV:)?([A-Za-z_][A-Za-z0-9_]*)(?::?-([^"}]*)|:?\?[^"}]*|:([^"?}-][^"}]*))?\}`,
)

// Environment makes references to the environment of those that stand in texts still: ${X}, with
// what it is where it is not set as ${X:-y} or ${X:y}. What is given has a value of its own.
func (d *Draft) Environment(given map[string]string) {
	for _, b := range d.blocks {
		for _, i := range b.all {
			i.value = i.value.environment(given)
		}
	}
}

func (v Value) environment(given map[string]string) Value {
	expr := func(text string) (string, bool) {
		m := reference.FindStringSubmatch(text)
		if value, ok := given[m[1]]; ok {
			quoted := string(Text(value))
			return quoted[1 : len(quoted)-1], false
		}
		if otherwise := m[2] + m[3]; otherwise != "" {
			return fmt.Sprintf(`env("%s", "%s")`, m[1], otherwise), true
		}
		return string(Env(m[1])), true
	}
	if text := string(v); len(text) > 2 && text[0] == '"' &&
		reference.FindString(text) == text[1:len(text)-1] {
		if e, ok := expr(text); ok {
			return Value(e)
		}
	}
	return Value(reference.ReplaceAllStringFunc(string(v), func(text string) string {
		e, ok := expr(text)
		if !ok {
			return e
		}
		return "${" + e + "}"
	}))
}

// Dollars puts dollars, which begin nothing, in the place of a text that stands for one.
func (d *Draft) Dollars(instead string) {
	plain := strings.NewReplacer(instead, "$")
	value := strings.NewReplacer(instead+"{", "$${", instead, "$")
	for _, b := range d.blocks {
		for _, i := range b.all {
			i.comment, i.value = plain.Replace(i.comment), Value(value.Replace(string(i.value)))
		}
	}
	for i := range d.notes {
		d.notes[i].What = plain.Replace(d.notes[i].What)
	}
}

// Refuse tells of texts in which a pattern matches, and puts others in the place of that.
func (d *Draft) Refuse(pattern *regexp.Regexp, why string) {
	for _, top := range d.blocks {
		for b, i := range top.all {
			if found := pattern.FindString(string(i.value)); found != "" {
				i.value = Value(pattern.ReplaceAllString(string(i.value), "CHANGE-ME"))
				d.Lost(b, i.place, i.name+" = "+found, why)
			}
		}
	}
}
