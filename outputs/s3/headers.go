package s3

import (
	"net/http"
	"strings"

	"github.com/penstock/penstock/spool"
)

const metaPrefix = "X-Amz-Meta-"

// newObject is what is said of an object when it is put, or when its upload in parts begins.
func (s *Store) newObject(opts spool.PutOptions) http.Header {
	h := http.Header{}
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	set("Content-Type", opts.ContentType)
	set("Content-Encoding", opts.ContentEncoding)
	set("X-Amz-Acl", s.cfg.ACL)
	set("X-Amz-Storage-Class", s.cfg.StorageClass)
	set("X-Amz-Tagging", s.tags)
	if e := s.cfg.Encryption; e != nil {
		set("X-Amz-Server-Side-Encryption", e.Type)
		set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", e.KMSKeyID)
		set("X-Amz-Server-Side-Encryption-Context", e.context())
		if e.BucketKey {
			set("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "true")
		}
	}
	for k, v := range opts.All() {
		h.Set(metaPrefix+k, v)
	}
	return h
}

// metadata is what was said of an object, but for what is ours.
func metadata(h http.Header) map[string]string {
	m := map[string]string{}
	for k := range h {
		if strings.HasPrefix(k, metaPrefix) && len(k) > len(metaPrefix) {
			m[strings.ToLower(k[len(metaPrefix):])] = h.Get(k)
		}
	}
	delete(m, putNonce)
	return m
}
