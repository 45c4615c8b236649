package logstash

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/kit"
)

// ofTopics is what Logstash knows of events from Kafka, as expressions and templates call it.
var ofTopics = map[string]string{
	"@metadata.kafka.topic": "tag",
	"@metadata.kafka.key":   "key",
}

var (
	askedOfKafka = regexp.MustCompile(`\[@metadata\]\[kafka\]\[(\w+)\]`)
	askedPath    = regexp.MustCompile(`(?:%\{|^)(\[?path\]?|\[log\]\[file\]\[path\])(?:\}|$)`)
)

// given finds out what the filters, outputs and their conditions ask for that inputs of Logstash
// give to events.
func (c *converter) given(all []section) {
	for _, s := range all {
		for _, n := range plugins(s.body) {
			c.kafka = c.kafka || c.inputs == 1 && s.kind == "input" && n.Key == "kafka"
		}
	}
	for _, s := range all {
		if s.kind != "input" {
			for _, n := range plugins(s.body) {
				c.askedBySettings(n, 0)
			}
			c.askedByConditions(s.body)
		}
	}
}

// askedBySettings looks at what is set below a node, where names of fields may be keys from a depth
// of one.
func (c *converter) askedBySettings(n *kit.Node, depth int) {
	for _, k := range n.Kids {
		if k.Key == "remove_field" {
			continue
		}
		text := ""
		if depth > 0 {
			text = k.Key
		}
		for range 2 {
			for _, m := range askedPath.FindAllStringSubmatch(text, -1) {
				c.askPath(field(m[1]))
			}
			for _, m := range askedOfKafka.FindAllStringSubmatch(text, -1) {
				isKnown := ofTopics["@metadata.kafka."+m[1]] != "" && strings.Contains(text, "%{"+m[0])
				if c.kafka && !isKnown {
					c.D.Lost(c.p.Notes, k.At, k.Name+" "+m[0], "there is no such field: write it otherwise")
				}
			}
			text = k.Value
		}
		c.askedBySettings(k, depth+1)
	}
}

func (c *converter) askedByConditions(body []statement) {
	for _, s := range body {
		for _, b := range s.branches {
			e, _ := condition(b.cond)
			for _, asked := range kit.Asked([]string{e}) {
				if asked == "path" || asked == "log.file.path" {
					c.askPath(asked)
				}
			}
			c.askedByConditions(b.body)
		}
	}
}

func (c *converter) askPath(name string) {
	if !slices.Contains(c.paths, name) {
		c.paths = append(c.paths, name)
	}
}

// condition reads a condition, in which what is known of events from Kafka is not a field.
func (c *converter) condition(src string) (string, error) {
	e, err := condition(src)
	if !c.kafka || err != nil {
		return e, err
	}
	for name, known := range ofTopics {
		e = strings.ReplaceAll(e, kit.Field(name), known)
	}
	if strings.Contains(e, kit.Field("@metadata.kafka")+".") {
		return "", fmt.Errorf("of [@metadata][kafka], topic and key are known here")
	}
	return e, nil
}
