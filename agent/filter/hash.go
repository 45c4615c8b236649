package filter

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"github.com/cespare/xxhash/v2"
	"github.com/tidwall/gjson"
)

// HashConfig is the config of the hash filter.
type HashConfig struct {
	Fields    []string `hcl:"fields,optional" doc:"Fields of a JSON value that are hashed together, in this order; the whole value otherwise. A record that has none of them is left alone."`
	Into      string   `hcl:"into" doc:"The field for the hash, as hexadecimal text. It may be the only one of fields, which is replaced."`
	Algorithm string   `hcl:"algorithm,optional" oneof:"sha256|hmac_sha256|xxhash64" doc:"How it is hashed: hmac_sha256 wants a key, and is for what must not be guessed; xxhash64 is fast and for what nobody wants to guess."`
	Key       string   `hcl:"key,optional" secret:"true" doc:"Key of hmac_sha256."`
}

// DefaultHash returns the defaults.
func DefaultHash() HashConfig { return HashConfig{Algorithm: "sha256"} }

// Validate checks the config.
func (c *HashConfig) Validate() error {
	var errs []error
	if _, err := newPaths("fields", c.Fields); err != nil {
		errs = append(errs, err)
	}
	if _, err := NewPath(c.Into); err != nil {
		errs = append(errs, fmt.Errorf("into: %w", err))
	}
	if (c.Algorithm == "hmac_sha256") != (c.Key != "") {
		errs = append(errs, errors.New("key: is for hmac_sha256, and needed there"))
	}
	return errors.Join(errs...)
}

// Hash sets a field to a hash of others.
type Hash struct {
	base
	fields []*Path
	into   *Path
	make   func() hash.Hash
}

// NewHash returns the filter.
func NewHash(c HashConfig, env Env) (*Hash, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Hash{base: newBase(env), make: newHash(c.Algorithm, c.Key)}
	f.fields, _ = newPaths("fields", c.Fields)
	f.into, _ = NewPath(c.Into)
	return f, nil
}

func newHash(algorithm, key string) func() hash.Hash {
	switch algorithm {
	case "hmac_sha256":
		return func() hash.Hash { return hmac.New(sha256.New, []byte(key)) }
	case "xxhash64":
		return func() hash.Hash { return xxhash.New() }
	}
	return sha256.New
}

// Edit implements Filter.
func (f *Hash) Edit(v *View) Verdict {
	h := f.make()
	found := len(f.fields) == 0
	if found {
		h.Write(v.Value())
	}
	for _, p := range f.fields {
		r := v.Get(p)
		found = found || r.Exists()
		text := r.Raw
		if r.Type == gjson.String {
			text = r.Str
		}
		if len(f.fields) > 1 { // or "ab" and "c" were as "a" and "bc"
			var n [8]byte
			binary.BigEndian.PutUint64(n[:], uint64(len(text)))
			h.Write(n[:])
		}
		h.Write(bytesOf(text))
	}
	if !found {
		return Kept
	}
	if !v.Set(f.into, v.String([]byte(hex.EncodeToString(h.Sum(nil))))) {
		return Unhandled
	}
	return Changed
}

// UUIDConfig is the config of the uuid filter.
type UUIDConfig struct {
	Field  string `hcl:"field,optional" doc:"The field of a JSON value that is set."`
	Header string `hcl:"header,optional" doc:"The header that is set, instead; it works for any value."`
}

// DefaultUUID returns the defaults.
func DefaultUUID() UUIDConfig { return UUIDConfig{} }

// Validate checks the config.
func (c *UUIDConfig) Validate() error {
	s, err := newSource(c.Field, c.Header)
	if err == nil && s.whole() {
		err = errors.New("field: name a field or a header")
	}
	return err
}

// UUID gives each record a UUID, the same whenever it is delivered: one of version 5, made of the
// agent's name and of the record's origin, position, time and value.
type UUID struct {
	base
	to    source
	agent string
}

// NewUUID returns the filter.
func NewUUID(c UUIDConfig, env Env) (*UUID, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &UUID{base: newBase(env), agent: env.Agent}
	f.to, _ = newSource(c.Field, c.Header)
	return f, nil
}

// Edit implements Filter.
func (f *UUID) Edit(v *View) Verdict {
	h := sha1.New()
	var n [16]byte
	binary.BigEndian.PutUint64(n[:], uint64(v.rec.Offset))
	binary.BigEndian.PutUint64(n[8:], uint64(v.rec.Time))
	fmt.Fprintf(h, "%q%q", f.agent, v.batch.Origin)
	h.Write(n[:])
	h.Write(v.Value())
	sum := h.Sum(nil)[:16]
	sum[6], sum[8] = sum[6]&0x0f|0x50, sum[8]&0x3f|0x80
	text := []byte(fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:]))
	if f.to.header != "" {
		v.SetHeader(f.to.header, text)
		return Changed
	}
	if !v.Set(f.to.field, v.String(text)) {
		return Unhandled
	}
	return Changed
}
