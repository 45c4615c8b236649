package spool

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"path"
	"regexp"
	"slices"
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
	// of the log, in file names before their extension; "" where an earlier release began to
	// archive it
	life    string
	topicID string // "" where brokers do not tell
	config  string // hash of the settings that objects of the log are made by
}

func identify(log record.Log, agent string) identity {
	if p, ok := record.As[record.Partitioned](log); ok {
		topic, partition := p.Partition()
		id := identity{topic: topic, partition: partition, slug: PartitionSlug(topic, partition)}
		if m, ok := record.As[record.Mortal](log); ok {
			id.topicID = m.Life()
		}
		return id
	}
	return identity{slug: BufferSlug(agent, log.Name())}
}

// newLife is what the life of a log is called that is archived for the first time, or for the first
// time since its positions began anew. Whoever finds the same topic there, in another member of the
// group, comes to the same; a buffer's is chosen by lot.
func newLife(id identity) string {
	switch {
	case id.topicID != "":
		h := fnv.New32a()
		h.Write([]byte(id.topicID))
		return fmt.Sprintf("%08x", h.Sum32())
	case id.topic == "":
		return fmt.Sprintf("%08x", rand.Uint32())
	}
	return ""
}

// slug makes s fit for a file name. What had to be changed is told apart by a hash.
func slug(s string) string {
	out := []byte(s)
	for i, c := range out {
		if c != '.' && c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') &&
			(c < 'A' || c > 'Z') {
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
	schema     string // see schemaName
	formatExt  string
	compExt    string
}

// namer makes object keys. Safe for concurrent use.
type namer struct {
	bound *template.Bound[*name]
	tail  *template.Bound[*name] // the extensions, before which the log's life stands
}

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
		return nil, fmt.Errorf(
			"file_name: must have ${start}, and ${log} or ${partition} (with ${topic} here or in path): else two cuts could take the same name",
		)
	}
	pad := func(get func(*name) int64) template.Appender[*name] {
		return func(dst []byte, n *name) ([]byte, error) { return fmt.Appendf(dst, "%020d", get(n)), nil }
	}
	text := func(get func(*name) string) template.Appender[*name] {
		return func(dst []byte, n *name) ([]byte, error) { return append(dst, get(n)...), nil }
	}
	head, rest := beforeExtension(c.FileName)
	bind := func(p template.Part) (template.Appender[*name], error) {
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
		return nil, fmt.Errorf(
			"is not known: use log, topic, partition, agent, start, end, ext, format_ext or compression_ext",
		)
	}
	bound, err := template.Bind(head, bind)
	if err != nil {
		return nil, fmt.Errorf("file_name: %w", err)
	}
	for _, p := range c.FileName.Parts {
		if strings.Contains(p.Literal, "/") {
			return nil, fmt.Errorf("file_name: must not hold a slash: folders belong into path")
		}
	}
	tail, err := template.Bind(rest, bind)
	if err != nil {
		return nil, fmt.Errorf("file_name: %w", err)
	}
	return &namer{bound, tail}, nil
}

// beforeExtension parts a file name where its extensions begin. The life of a log stands there, so
// that who knows only what comes before, as Secor's readers do, still knows it.
func beforeExtension(t template.Template) (head, rest template.Template) {
	at, dot := len(t.Parts), -1
	for i := len(t.Parts) - 1; i >= 0; i-- {
		switch p := t.Parts[i]; p.Name {
		case "ext", "format_ext", "compression_ext":
			at, dot = i, -1
			continue
		case "":
			if j := strings.IndexByte(p.Literal, '.'); j >= 0 {
				at, dot = i, j
			}
			continue
		}
		break
	}
	head.Parts = slices.Clone(t.Parts[:at])
	rest.Parts = slices.Clone(t.Parts[at:])
	if dot > 0 {
		head.Parts = append(head.Parts, template.Part{Literal: t.Parts[at].Literal[:dot]})
		rest.Parts[0].Literal = t.Parts[at].Literal[dot:]
	}
	return head, rest
}

func (n *namer) key(path string, v *name) string {
	dst := append([]byte(path), '/')
	if path == "" {
		dst = dst[:0]
	}
	dst, _ = n.bound.Append(dst, v) // the appenders never fail
	if v.id.life != "" {
		dst = append(append(dst, '.'), v.id.life...)
	}
	if v.schema != "" {
		dst = append(append(dst, '.'), v.schema...)
	}
	dst, _ = n.tail.Append(dst, v)
	return string(dst)
}

// schemaName is what the key of a schema is called in a file name, or "" for none: the key itself
// behind an s where it is of digits and small letters, as ids are.
func schemaName(key string) string {
	if key == "" {
		return ""
	}
	for i := range len(key) {
		if c := key[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			sum := sha256.Sum256([]byte(key))
			return "s" + hex.EncodeToString(sum[:8])
		}
	}
	return "s" + key
}

// BufferSlug is what a log of an agent's own is called in object names and metadata.
func BufferSlug(agent, log string) string { return slug(agent + "-" + log) }

// PartitionSlug is what a partition of a topic is called in object names and metadata.
func PartitionSlug(topic string, partition int32) string {
	return slug(topic + "-" + strconv.Itoa(int(partition)))
}

var hasPosition = regexp.MustCompile(`[0-9]{20}`)

// leases are the objects by which replays of an archive's dead letters exclude each other.
const leases = "/.penstock/lease/"

// IsMarker reports whether the name of an object tells that it is no data: _SUCCESS and the like.
// The objects of a topic may begin as these do, but have a position in their names.
func IsMarker(key string) bool {
	base := path.Base(key)
	return (base[0] == '_' || base[0] == '.') && !hasPosition.MatchString(base) ||
		strings.Contains("/"+key, leases)
}
