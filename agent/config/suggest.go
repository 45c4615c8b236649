package config

import (
	"strings"

	"github.com/agext/levenshtein"
)

// nearest returns the candidate that name is most likely a misspelling of, or "".
func nearest(name string, candidates []string) string {
	best, bestDistance := "", min(4, 1+(len(name)+2)/3, len(name))
	for _, c := range candidates {
		if strings.EqualFold(strings.ReplaceAll(name, "-", "_"), c) {
			return c
		}
		if d := levenshtein.Distance(name, c, nil); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	if best == "" && len(name) >= 3 {
		for _, c := range candidates {
			if strings.HasPrefix(c, name) || strings.HasSuffix(c, "_"+name) ||
				strings.HasPrefix(name, c+"_") {
				return c
			}
		}
	}
	return best
}

// didYouMean is a sentence for the end of an error: the nearest candidate, or all when they are
// few.
func didYouMean(name string, candidates []string) string {
	if s := nearest(name, candidates); s != "" {
		return `Did you mean "` + s + `"?`
	}
	if len(candidates) == 0 {
		return ""
	}
	if len(candidates) <= 40 {
		return "Known: " + list(candidates) + "."
	}
	return ""
}

// list joins words for a sentence: a, b and c.
func list(words []string) string { return joinWords(words, " and ") }

func listOr(words []string) string { return joinWords(words, " or ") }

func joinWords(words []string, last string) string {
	if len(words) <= 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + last + words[len(words)-1]
}
