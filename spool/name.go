package spool

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/template"
)

// identity is who a log is, as it shows in object names.
type identity struct {
	topic     string // "" for a log that is no partition: each batch has its own tag
	partition int32
	slug      string // one file name part, unique among all logs that share a store
	config    string // hash of the settings that objects of the log are made by
}

func identify(log record.Log, agent string) identity {
	if p, ok := log.(record.Partitioned); ok {
		topic, partition := p.Partition()
		return identity{topic: topic, partition: partition, slug: PartitionSlug(topic, partition)}
	}
	return identity{slug: slug(agent + "-" + log.Name())}
}

// slug makes s fit for a file name. What had to be changed is told apart by a hash.
func slug(s string) string {
	out := []byte(s)
	for i, c := range out {
		if c != '.' && c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			out[i] = '-'
		}
	}
	if string(out) == s && len(s) <= 120 {
		return s
	}
	h := fnv.New32a()
	h.Write([]byte(s))
	return fmt.Sprintf("%.120s-%08x", out, h.Sum32())
}

// name is what file names are made of.
type name struct {
	id         *identity
	topic      string
	start, end int64
	formatExt  string
	compExt    string
}

// namer makes object keys. Safe for concurrent use.
type namer struct{ bound *template.Bound[*name] }

func newNamer(c *Config, agent string) (*namer, error) {
	start, unique := false, strings.Contains(c.FileName.String(), "${log}")
	topic, partition := false, false
	for _, p := range c.FileName.Parts {
		start = start || p.Name == "start"
		topic = topic || p.Name == "topic"
		partition = partition || p.Name == "partition"
	}
	for _, p := range c.Path.Parts {
		topic = topic || p.Name == "topic"
		partition = partition || p.Name == "partition"
	}
	if !start || !unique && !(topic && partition) {
		return nil, fmt.Errorf("file_name: must have ${start}, and ${log} or ${partition} (with ${topic} here or in path): else two cuts could take the same name")
	}
	pad := func(get func(*name) int64) template.Appender[*name] {
		return func(dst []byte, n *name) ([]byte, error) { return fmt.Appendf(dst, "%020d", get(n)), nil }
	}
	text := func(get func(*name) string) template.Appender[*name] {
		return func(dst []byte, n *name) ([]byte, error) { return append(dst, get(n)...), nil }
	}
	bound, err := template.Bind(c.FileName, func(p template.Part) (template.Appender[*name], error) {
		switch p.Name {
		case "log":
			return text(func(n *name) string { return n.id.slug }), nil
		case "topic":
			return text(func(n *name) string { return slug(n.topic) }), nil
		case "partition":
			return text(func(n *name) string { return strconv.Itoa(int(n.id.partition)) }), nil
		case "agent":
			return text(func(*name) string { return slug(agent) }), nil
		case "start":
			return pad(func(n *name) int64 { return n.start }), nil
		case "end":
			return pad(func(n *name) int64 { return n.end }), nil
		case "ext":
			return text(func(n *name) string { return n.formatExt + n.compExt }), nil
		case "format_ext":
			return text(func(n *name) string { return n.formatExt }), nil
		case "compression_ext":
			return text(func(n *name) string { return n.compExt }), nil
		}
		return nil, fmt.Errorf("is not known: use log, topic, partition, agent, start, end, ext, format_ext or compression_ext")
	})
	if err != nil {
		return nil, fmt.Errorf("file_name: %w", err)
	}
	for _, p := range c.FileName.Parts {
		if strings.Contains(p.Literal, "/") {
			return nil, fmt.Errorf("file_name: must not hold a slash: folders belong into path")
		}
	}
	return &namer{bound}, nil
}

func (n *namer) key(path string, v *name) string {
	dst := append([]byte(path), '/')
	if path == "" {
		dst = dst[:0]
	}
	dst, _ = n.bound.Append(dst, v) // the appenders never fail
	return string(dst)
}

// PartitionSlug is what a partition of a topic is called in object names and metadata.
func PartitionSlug(topic string, partition int32) string {
	return slug(topic + "-" + strconv.Itoa(int(partition)))
}
