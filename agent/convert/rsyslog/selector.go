package rsyslog

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/agent/convert/kit"
)

var (
	facilities = []string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
		"ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
		"local5", "local6", "local7",
	}
	severities = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
	otherNames = map[string]string{
		"security": "auth", "warn": "warning", "error": "err", "panic": "emerg",
	}
)

// numberOf returns the number of a facility or severity, or -1.
func numberOf(name string, of []string) int {
	name = strings.ToLower(name)
	if other := otherNames[name]; other != "" {
		name = other
	}
	return slices.Index(of, name)
}

// selection is which severities are taken of each facility, one bit a severity.
type selection [24]byte

var selectorPart = regexp.MustCompile(`^([\w*,]+)\.(!?)(=?)(\w+|\*)$`)

// selected reads a selector such as *.info;mail.none;authpriv.none.
func selected(text string) (s selection, err error) {
	for part := range strings.SplitSeq(text, ";") {
		if part == "" {
			continue
		}
		m := selectorPart.FindStringSubmatch(part)
		if m == nil {
			return s, fmt.Errorf("%s is no selector", part)
		}
		var bits byte
		switch n := numberOf(m[4], severities); {
		case m[4] == "*" || m[4] == "none":
			bits = 0xff
		case n < 0:
			return s, fmt.Errorf("there is no severity %s", m[4])
		case m[3] == "=":
			bits = 1 << n
		default:
			bits = 1<<(n+1) - 1
		}
		for name := range strings.SplitSeq(m[1], ",") {
			n := numberOf(name, facilities)
			if n < 0 && name != "*" {
				return s, fmt.Errorf("there is no facility %s", name)
			}
			for i := range s {
				switch {
				case name != "*" && i != n:
				case m[4] == "none" || m[2] == "!":
					s[i] &^= bits
				default:
					s[i] |= bits
				}
			}
		}
	}
	return s, nil
}

// condition writes a selection with what gives the facility and the severity, as text or as
// numbers; "" if it is all and "false" if it is nothing.
func (s selection) condition(facility, severity string, numbers bool) string {
	var parts []string
	var done []byte
	for _, bits := range s {
		if bits == 0 || slices.Contains(done, bits) {
			continue
		}
		done = append(done, bits)
		var of, others []string
		for i, name := range facilities {
			if s[i] == bits {
				of = append(of, literal(name, i, numbers))
			} else {
				others = append(others, literal(name, i, numbers))
			}
		}
		cond := oneOf(facility, of)
		switch {
		case others == nil:
			cond = ""
		case len(others) < len(of):
			cond = "not (" + oneOf(facility, others) + ")"
		}
		var levels []string
		for i, name := range severities {
			if bits&(1<<i) != 0 {
				levels = append(levels, literal(name, i, numbers))
			}
		}
		if bits != 0xff {
			cond = kit.And(cond, oneOf(severity, levels))
		}
		parts = append(parts, cond)
	}
	if parts == nil {
		return "false"
	}
	return strings.Join(parts, " or ")
}

func literal(name string, number int, numbers bool) string {
	if numbers {
		return strconv.Itoa(number)
	}
	return kit.Quote(name)
}

func oneOf(what string, literals []string) string {
	if len(literals) == 1 {
		return what + " == " + literals[0]
	}
	return what + " in [" + strings.Join(literals, ", ") + "]"
}
