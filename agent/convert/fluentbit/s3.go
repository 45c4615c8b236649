package fluentbit

import (
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/timepattern"
)

func (c *converter) s3(b *draft.Block, s *section) {
	if !c.set(b, "bucket", s, "bucket") {
		b.Set("bucket", draft.Text("CHANGE-ME"))
		c.d.Lost(b, s.at, s.title(), "it names no bucket")
	}
	c.set(b, "region", s, "region")
	c.set(b, "endpoint", s, "endpoint")
	c.set(b, "storage_class", s, "storage_class")
	c.set(b, "acl", s, "canned_acl")
	if p := s.get("log_key"); p != nil {
		c.d.Lost(b, p.at, shown(p), "records go out whole: leave the parsers out so that lines stay lines, with format \"raw\"")
	}
	if s.get("role_arn") != nil {
		c.set(b.In("assume_role"), "arn", s, "role_arn")
	}
	p := s.get("s3_key_format")
	format := "/fluent-bit-logs/$TAG/%Y/%m/%d/%H/%M/%S"
	at := s.at
	if p != nil {
		format, at = p.value, p.at
	}
	b.Set("path", c.keyFormat(format))
	c.d.Changed(
		b, at, "s3_key_format "+format,
		"the last part of it gives way to a name made of the positions of what is in the object, so that none is written twice",
	)
	c.duration(b.In("roll"), "age", s, time.Minute, "upload_timeout")
	c.size(b.In("roll"), "size", s, "total_file_size")
	if b.Find("roll").Empty() {
		b.Find("roll").Set("age", draft.Text("10m"))
	}
	compression := "none"
	if z := s.get("compression"); z != nil {
		if z.value == "gzip" || z.value == "zstd" || z.value == "snappy" {
			compression = z.value
			c.carry(z)
		} else {
			c.d.Changed(
				b, z.at, shown(z),
				"write format \"parquet\" {} for columns; objects are not compressed now",
			)
		}
	}
	b.Set("compression", draft.Text(compression))
	b.Add("format", "ndjson")
	c.dateKey(b, s)
	if p := s.get("s3_key_format_tag_delimiters"); p != nil && p.value != "." {
		c.d.Lost(b, p.at, shown(p), "tags are divided at dots")
	}
}

// keyFormat turns $TAG, $TAG[1] and %Y into a template, without the object's name.
func (c *converter) keyFormat(format string) draft.Value {
	dirs := strings.Split(strings.TrimLeft(format, "/"), "/")
	if len(dirs) > 1 {
		dirs = dirs[:len(dirs)-1]
	}
	for i, d := range dirs { // an hour of a path is as fine as is good for it
		if d == "%M" || d == "%S" {
			dirs = dirs[:i]
			break
		}
	}
	var out []draft.Part
	for i, d := range dirs {
		if i > 0 {
			out = append(out, draft.Lit("/"))
		}
		for d != "" {
			switch {
			case strings.HasPrefix(d, "$TAG["):
				n, rest, _ := strings.Cut(d[len("$TAG["):], "]")
				out = append(out, draft.Tmpl("tag["+n+"]"))
				d = rest
			case strings.HasPrefix(d, "$TAG"):
				out = append(out, draft.Tmpl("tag"))
				d = d[len("$TAG"):]
			case d[0] == '%' && len(d) > 1:
				if format, err := timepattern.Write(d[:2]); err != nil {
					out = append(out, draft.Lit(d[:2]))
				} else {
					out = append(out, draft.Tmpl("strftime("+string(draft.Text(format))+")"))
				}
				d = d[2:]
			default:
				end := strings.IndexAny(d[1:], "$%")
				if end < 0 {
					end = len(d) - 1
				}
				out = append(out, draft.Lit(d[:end+1]))
				d = d[end+1:]
			}
		}
	}
	return draft.Join(out...)
}
