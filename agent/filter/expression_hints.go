package filter

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/file"
)

// explain says on one line what is wrong with an expression, and where.
func explain(text string, err error) error {
	var e *file.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("is no expression that can be used: %w", err)
	}
	return fmt.Errorf(
		"is no expression that can be used: %s, at character %d of it%s (penstock help expressions)",
		e.Message, e.Column+1, instead(text, e),
	)
}

// instead says what to write in place of what an expression stumbles over, or is "".
func instead(text string, e *file.Error) string {
	if hint := foreignSyntax(text); hint != "" {
		return hint
	}
	runes := []rune(text)
	at := min(e.From, len(runes))
	before, behind := string(runes[:at]), string(runes[at:])
	name, ok := strings.CutPrefix(e.Message, "unknown name ")
	if !ok {
		return otherWord(text, behind, e)
	}
	behind, ok = strings.CutPrefix(behind, name)
	if !ok {
		return ""
	}
	if m := brokenField.FindStringSubmatch(before); m != nil { // field.log-level
		word := m[2] + name + wordParts.FindString(behind)
		return fmt.Sprintf("; write field%s['%s'] for field%s.%s", m[1], word, m[1], word)
	}
	if strings.HasPrefix(behind, "(") {
		return otherFunction(name, behind)
	}
	if word := words[strings.ToLower(name)]; word != "" {
		return fmt.Sprintf("; write %s for %s", word, name)
	}
	whole := name + steps.FindString(behind)
	if strings.HasPrefix(name+behind, whole+"(") {
		return noFunction
	}
	if compares.MatchString(before) && whole == name {
		return fmt.Sprintf("; a text has quotes of its own: '%s'", name)
	}
	for _, root := range roots {
		if rest, ok := strings.CutPrefix(whole, root); ok && rest != "" {
			return fmt.Sprintf("; write field%s for %s", rest, whole)
		}
	}
	return fmt.Sprintf("; write field.%s for %s", whole, whole)
}

// otherFunction is instead for a function that there is not.
func otherFunction(name, behind string) string {
	name = strings.ToLower(strings.ReplaceAll(name, "_", ""))
	if m := twoArguments.FindStringSubmatch(behind); m != nil && words[name] != "" {
		return fmt.Sprintf("; write %s %s %s", m[1], words[name], m[2])
	}
	if m := oneArgument.FindStringSubmatch(behind); m != nil && words[name] != "" {
		return fmt.Sprintf("; write "+words[name], m[1])
	}
	return noFunction
}

const noFunction = "; there is no such function"

// otherWord is instead for an operator that is called like a function, or has another name.
func otherWord(text, behind string, e *file.Error) string {
	m := unexpected.FindStringSubmatch(e.Message)
	if m == nil {
		return ""
	}
	if args := twoArguments.FindStringSubmatch(strings.TrimPrefix(behind, m[1])); args != nil {
		return fmt.Sprintf("; write %s %s %s", args[1], m[1], args[2])
	}
	word := m[1]
	if before, _, found := strings.Cut(text, " "); found && strings.EqualFold(before, "not") {
		word = before
	}
	if words[strings.ToLower(word)] != "" && word != words[strings.ToLower(word)] {
		return fmt.Sprintf("; write %s for %s", words[strings.ToLower(word)], word)
	}
	return ""
}

// words are what other languages have for words, operators and functions of expressions; a
// function of one argument stands with that.
var words = map[string]string{
	"null": "nil", "none": "nil", "undefined": "nil", "true": "true", "false": "false",
	"and": "and", "or": "or", "not": "not", "eq": "==", "ne": "!=", "like": "contains",
	"startswith": "startsWith", "endswith": "endsWith", "match": "matches", "includes": "contains",
	"exists": "%s != nil", "has": "%s != nil", "defined": "%s != nil", "isnull": "%s == nil",
	"lowercase": "lower(%s)", "downcase": "lower(%s)", "tolower": "lower(%s)",
	"uppercase": "upper(%s)", "upcase": "upper(%s)", "toupper": "upper(%s)",
	"strlen": "len(%s)", "length": "len(%s)", "tostring": "string(%s)", "toint": "int(%s)",
}

// roots are what other tools call the record in front of its fields.
var roots = []string{"record", "event", "log", "ctx", "this", "doc", "attributes", "body"}

// Parts of an expression around a name that is not known.
var (
	brokenField = regexp.MustCompile(`\bfield((?:\.\w+)*)\.(\w+(?:-\w+)*-)$`)
	wordParts   = regexp.MustCompile(`^(?:-\w+)*`)
	steps       = regexp.MustCompile(`^(?:\.\w+|\['[^']*'\]|\["[^"]*"\])*`)
	compares    = regexp.MustCompile(
		`(?:[=!<>]=|[<>,\[]|\b(?:in|contains|matches|startsWith|endsWith))\s*$`,
	)
	oneArgument  = regexp.MustCompile(`^\(\s*([\w.]+)\s*\)`)
	twoArguments = regexp.MustCompile(`^\(\s*([\w.]+)\s*,\s*('[^']*'|"[^"]*")\s*\)`)
	unexpected   = regexp.MustCompile(`^unexpected token \w+\("(\w+)"\)`)
)

// Ways in which other languages write what an expression says otherwise.
var (
	quotedText   = regexp.MustCompile(`'[^']*'|"[^"]*"`)
	dottedField  = regexp.MustCompile(`(?:^|[\s(!=<>&|])(\.[A-Za-z_][\w.]*)`)
	bareWord     = regexp.MustCompile(`^[A-Za-z_]\w*$`)
	singleEquals = regexp.MustCompile(`[^=!<>~]=[^=~]`)
	bracketField = regexp.MustCompile(`(?:^|[\s(!])\[([A-Za-z_]\w*)\]`)
	dollarField  = regexp.MustCompile(`\$\.?([A-Za-z_]\w*)`)
)

// foreignSyntax says what to write in place of what another language has, or is "".
func foreignSyntax(text string) string {
	bare := quotedText.ReplaceAllString(text, "''")
	if m := dottedField.FindStringSubmatch(bare); m != nil {
		return fmt.Sprintf("; write field%s for %s", m[1], m[1])
	}
	if m := bracketField.FindStringSubmatch(bare); m != nil {
		return fmt.Sprintf("; write field.%s for [%s]", m[1], m[1])
	}
	if m := dollarField.FindStringSubmatch(bare); m != nil {
		return fmt.Sprintf("; write field.%s for %s", m[1], m[0])
	}
	if strings.Contains(bare, "=~") {
		return "; write matches for =~, and the pattern in quotes"
	}
	if bareWord.MatchString(text) {
		return fmt.Sprintf("; a text has quotes of its own: \"'%s'\"", text)
	}
	if strings.Contains(bare, "===") || strings.Contains(bare, "!==") {
		return "; write == and !="
	}
	if singleEquals.MatchString(bare) {
		return "; write == to compare"
	}
	return ""
}
