package fluentd

import (
	"regexp"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/timepattern"
)

// archive carries over path, format and time of s3 and gcs.
func (c *converter) archive(b *draft.Block, e *element, keyFormat string) {
	utc := false
	if s := e.sub("buffer"); s != nil {
		if p := s.get("timekey"); p != nil {
			if d, err := seconds(p.value); err == nil && d > 0 {
				b.In("roll").Set("age", draft.Duration(d))
				c.carry(p)
			}
		}
		if p := s.get("chunk_limit_size"); p != nil {
			c.size(b.In("roll"), "size", s, "chunk_limit_size")
		}
		utc = truth(s.value("timekey_use_utc")) && s.get("timekey_use_utc") != nil
		if z := timepattern.Zone(s.value("timekey_zone")); z != "" {
			b.Set("timezone", draft.Text(z))
			utc = true
		}
	}
	slice := timeSlice(e)
	if p := e.get("time_slice_format"); p != nil {
		if _, err := timepattern.Write(p.value); err != nil {
			c.d.Lost(b, p.at, shown(p), err.Error()+"; write path")
		} else {
			slice = p.value
			c.carry(p)
		}
		utc = utc || e.get("utc") != nil
	}
	if !utc {
		c.d.Changed(
			b, e.at, describe(e)+" in local time", "paths are in UTC unless timezone is written",
		)
	}
	c.objectPath(b, e, e.get(keyFormat), slice)
	if p := e.get(keyFormat); p != nil {
		c.d.Changed(
			b, p.at, shown(p),
			"objects are named by the positions of what is in them, so that none is written twice; what stands before the name, or the date in it, is path",
		)
	} else {
		c.d.Changed(
			b, e.at, describe(e)+" object names",
			"objects are named by the positions of what is in them, so that none is written twice",
		)
	}
	compression := "gzip"
	if p := e.get("store_as"); p != nil {
		switch p.value {
		case "gzip", "gzip_command":
		case "text", "json", "txt":
			compression = "none"
		case "zstd", "lzma2", "lzo":
			compression = "zstd"
		case "parquet":
			compression = "snappy"
			b.Add("format", "parquet")
		}
		if p.value == "lzo" || p.value == "lzma2" {
			c.d.Changed(b, p.at, shown(p), "objects are compressed with zstd")
		} else {
			c.carry(p)
		}
	}
	b.Set("compression", draft.Text(compression))
	if b.Find("format") != nil {
		return
	}
	if s := e.sub("format"); s != nil && s.value("@type") == "json" {
		b.Add("format", "ndjson")
	} else if c.raw {
		b.Add("format", "raw")
	} else {
		b.Add("format", "ndjson")
		c.d.Changed(
			b, e.at, describe(e)+" format",
			"lines are the JSON of the record, without time and tag before it",
		)
	}
}

// timeSlice returns the form of %{time_slice} that follows from timekey.
func timeSlice(e *element) string {
	key := 24 * time.Hour
	if s := e.sub("buffer"); s != nil {
		if d, err := seconds(s.value("timekey")); err == nil && d > 0 {
			key = d
		}
	}
	switch {
	case key < time.Minute:
		return "%Y%m%d%H%M%S"
	case key < time.Hour:
		return "%Y%m%d%H%M"
	case key < 24*time.Hour:
		return "%Y%m%d%H"
	}
	return "%Y%m%d"
}

var (
	ofObject = regexp.MustCompile(`%\{\w+\}`) // such as %{index}
	varying  = regexp.MustCompile(`%[A-Za-z]|[$#]\{[^}]*\}`)
	slashes  = regexp.MustCompile(`/+`)
)

// objectPath sets prefix and path to the directories of the keys that an archive makes. Of the name
// itself the date is one, where it is finer than theirs.
func (c *converter) objectPath(b *draft.Block, e *element, format *param, slice string) {
	key, raw, at := "%{path}%{time_slice}_%{index}.%{file_extension}", false, e.at
	if format != nil {
		key, raw, at = format.value, format.raw, format.at
	}
	path := e.get("path")
	if path != nil {
		raw, at = raw || path.raw, path.at
	}
	if format == nil && e.get("time_slice_format") == nil && conversion.MatchString(e.value("path")) {
		key = "%{path}/"
	}
	key = strings.NewReplacer("%{path}", e.value("path"), "%{time_slice}", slice).Replace(key)
	key = ofObject.ReplaceAllString(key, "")
	i := strings.LastIndexByte(key, '/') + 1
	dirs, name := key[:i], key[i:]
	finer, end := false, 0
	for _, at := range varying.FindAllStringIndex(name, -1) {
		finer = finer || !strings.Contains(dirs, name[at[0]:at[1]])
		end = at[1]
	}
	if name = strings.Trim(name[:end], "_-."); !finer {
		name = ""
	}
	key = strings.Trim(slashes.ReplaceAllString(dirs+name, "/"), "/")
	if at := varying.FindStringIndex(key); at == nil {
		b.Set("prefix", draft.Text(key))
		key = slice
	} else if i := strings.LastIndexByte(key[:at[0]], '/'); i > 0 {
		b.Set("prefix", draft.Text(key[:i]))
		key = key[i+1:]
	}
	v, err := placeholders(key, raw)
	switch {
	case err != nil:
		c.d.Lost(b, at, "path "+e.value("path"), err.Error()+"; write prefix and path")
	case path != nil:
		c.carry(path)
	}
	b.Set("path", draft.Join(v...))
}

func (c *converter) s3(b *draft.Block, e *element) {
	if !c.set(b, "bucket", e, "s3_bucket") {
		b.Set("bucket", draft.Text("CHANGE-ME"))
		c.d.Lost(b, e.at, describe(e), "it names no bucket")
	}
	c.set(b, "region", e, "s3_region")
	c.set(b, "endpoint", e, "s3_endpoint")
	c.bool(b, "path_style", false, e, "force_path_style")
	if e.get("aws_key_id") != nil && e.get("aws_sec_key") != nil {
		c.set(b, "access_key_id", e, "aws_key_id")
		c.set(b, "secret_access_key", e, "aws_sec_key")
	}
	c.set(b, "storage_class", e, "storage_class")
	c.set(b, "acl", e, "acl")
	if s := e.sub("assume_role_credentials"); s != nil {
		role := b.In("assume_role")
		c.set(role, "arn", s, "role_arn")
		c.set(role, "session_name", s, "role_session_name")
	}
	if p := e.get("use_server_side_encryption"); p != nil {
		enc := b.In("encryption")
		enc.Set("type", draft.Text(p.value))
		c.set(enc, "kms_key_id", e, "ssekms_key_id")
		c.carry(p)
	}
	c.archive(b, e, "s3_object_key_format")
}

func (c *converter) gcs(b *draft.Block, e *element) {
	if !c.set(b, "bucket", e, "bucket") {
		b.Set("bucket", draft.Text("CHANGE-ME"))
		c.d.Lost(b, e.at, describe(e), "it names no bucket")
	}
	c.set(b, "credentials_file", e, "keyfile", "credentials_json")
	c.archive(b, e, "object_key_format")
}
