package config

import (
	"fmt"
	"regexp"
	"strings"
)

// foreignLanguage is another tool's way of writing a configuration.
type foreignLanguage struct {
	begins *regexp.Regexp
	what   string
	tool   string // as "penstock convert" knows it; "" is none
}

// foreignLanguages holds them; the first that is found counts.
var foreignLanguages = []foreignLanguage{
	{regexp.MustCompile(`(?m)^\s*<(?:source|match|filter|system|label|worker)\b[^>\n]*>`), "fluentd's", "fluentd"},
	{regexp.MustCompile(`(?m)^\s*\[(?:INPUT|OUTPUT|SERVICE|FILTER|PARSER)\]`), "fluent-bit's", "fluent-bit"},
	{regexp.MustCompile(`(?m)^\s*\[(?:sources|sinks|transforms)\.`), "Vector's", "vector"},
	{regexp.MustCompile(`(?m)^(?:sources|sinks|transforms):`), "Vector's", "vector"},
	{regexp.MustCompile(`(?m)^filebeat[.:]`), "Filebeat's", "filebeat"},
	{regexp.MustCompile(`(?m)^scrape_configs:`), "promtail's", "promtail"},
	{regexp.MustCompile(`(?m)^pipeline:\s*\n\s+(?:inputs|outputs|filters):`), "fluent-bit's", "fluent-bit"},
	{regexp.MustCompile(`(?m)^(?:input|filter|output)\s*\{\s*\n(?s:.*?)=>`), "Logstash's", "logstash"},
	{regexp.MustCompile(`(?m)^\w+\.(?:sources|sinks|channels)\s*=`), "Flume's", "flume"},
	{regexp.MustCompile(`(?m)^secor\.[\w.]+\s*=`), "Secor's", "secor"},
	{regexp.MustCompile(`(?m)^\s*(?:module|input|action)\(\w+\s*=`), "rsyslog's", "rsyslog"},
	{regexp.MustCompile(`^\s*[{\[]\s*["{]`), "JSON", ""},
	{regexp.MustCompile(`^(?:\s*(?:#.*|---)?\n)*(?:- |[\w.-]+:(?:\s|$))`), "YAML", ""},
	{regexp.MustCompile(`^(?:\s*(?:#.*)?\n)*\[[\w.]+\]\s*\n`), "TOML", ""},
}

// foreignHint says what a file that is no HCL looks like and what to do with it, or is "".
func foreignHint(file string, src []byte) (what, hint string) {
	for _, l := range foreignLanguages {
		switch {
		case !l.begins.Match(src):
		case l.tool == "":
			return l.what, "A configuration is HCL: penstock init writes a first one."
		default:
			return l.what, fmt.Sprintf("Convert it: penstock convert %s %s", l.tool, quoteShell(file))
		}
	}
	return "", ""
}

func quoteShell(file string) string {
	if strings.ContainsAny(file, " '\"$\\") {
		return "'" + strings.ReplaceAll(file, "'", `'\''`) + "'"
	}
	return file
}
