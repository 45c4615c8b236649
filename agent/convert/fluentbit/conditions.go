package fluentbit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/kit"
)

// conditions turns those of a filter modify, which all have to hold, into an expression. They are
// asked once, before its rules: one that a rule would change for the next is an error.
func conditions(s *section) (string, error) {
	all := s.all("condition")
	var terms, keys []string
	for _, p := range all {
		words := strings.Fields(p.value)
		if len(words) < 2 {
			return "", fmt.Errorf("condition %s is not known", p.value)
		}
		rest := strings.Trim(strings.Join(words[2:], " "), `"`)
		term, err := modifyCondition(strings.ToLower(words[0]), kit.Field(field(words[1])), rest)
		if err != nil {
			return "", err
		}
		terms, keys = append(terms, term), append(keys, field(words[1]))
	}
	changes := 0
	for _, p := range s.props {
		switch p.key {
		case "set", "add", "record", "remove", "remove_key", "rename", "hard_rename", "copy", "hard_copy":
			touched := slices.ContainsFunc(strings.Fields(p.value), func(w string) bool {
				return slices.Contains(keys, field(w))
			})
			if touched || changes > 0 {
				changes++
			}
		}
	}
	if changes > 1 {
		return "", fmt.Errorf("a rule changes what a condition asks, and more follow")
	}
	return kit.And(terms...), nil
}

func modifyCondition(op, f, value string) (string, error) {
	switch op {
	case "key_exists":
		return f + " != nil", nil
	case "key_does_not_exist":
		return f + " == nil", nil
	case "key_value_equals":
		return f + " == " + flow.Quote(value), nil
	case "key_value_does_not_equal":
		return "(" + f + " != nil and " + f + " != " + flow.Quote(value) + ")", nil
	case "key_value_matches", "key_value_does_not_match":
		re, err := flow.RE2(value)
		if err != nil {
			return "", err
		}
		match := "type(" + f + ") in ['string', 'bool'] and string(" + f + ") matches " + flow.Quote(re)
		if op == "key_value_matches" {
			return "(" + match + ")", nil
		}
		return "(" + f + " != nil and not (" + match + "))", nil
	}
	return "", fmt.Errorf("condition %s is not known", op)
}
