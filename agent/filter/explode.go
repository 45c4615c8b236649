package filter

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/penstock/penstock/buffer/record/jsontext"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/network/wire"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/tidwall/gjson"
)

// ExplodeConfig is the config of the explode filter.
type ExplodeConfig struct {
	Field     string `hcl:"field,optional" doc:"The list in a JSON object of which each element makes a record. The whole value otherwise, which is a list itself, or text that is split."`
	Separator string `hcl:"separator,optional" doc:"What stands between the parts of a value that is text, such as \"\\n\". Empty parts are left out."`
	Flat      bool   `hcl:"flat,optional" doc:"Whether the fields of an element that is an object come to the top, in place of the list; otherwise the element stands where the list was. Other fields are repeated in each record."`
	Alone     bool   `hcl:"alone,optional" doc:"Whether an element alone is the record, without the other fields."`
	MaxParts  int    `hcl:"max_parts,optional" doc:"The most records that one may make; one of more passes as it is, and is counted."`
}

// DefaultExplode returns the defaults.
func DefaultExplode() ExplodeConfig { return ExplodeConfig{MaxParts: 10000} }

// Validate checks the config.
func (c *ExplodeConfig) Validate() error {
	var errs []error
	if c.Field != "" {
		if _, err := NewPath(c.Field); err != nil {
			errs = append(errs, errors.New("field: "+err.Error()))
		}
	}
	if c.Field != "" && c.Separator != "" {
		errs = append(
			errs,
			errors.New(
				"separator: is for the whole value; the filter split makes a list of a text field",
			),
		)
	}
	if c.MaxParts < 1 {
		errs = append(errs, fmt.Errorf("max_parts: must be at least 1"))
	}
	return errors.Join(errs...)
}

// Explode makes many records of one. All have its position: it is passed once all of them are
// delivered, and they come again together. Their times are a nanosecond apart, so that they stay in
// order.
type Explode struct {
	base
	cfg   ExplodeConfig
	field *Path
	large prometheus.Counter
}

// NewExplode returns the filter.
func NewExplode(c ExplodeConfig, env Env) (*Explode, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &Explode{base: newBase(env), cfg: c}
	if c.Field != "" {
		f.field, _ = NewPath(c.Field)
	}
	f.large = env.counter(
		"penstock_filter_explode_too_many_total",
		"Records that would have made more records than max_parts, or more than 64 MiB, and passed as they were.",
	)
	return f, nil
}

func (f *Explode) whyUnrepeatable() string { return "makes several records of one position" }

// maxExploded bounds what one record may become, with all that is repeated.
const maxExploded = 64 << 20

// Edit implements Filter.
func (f *Explode) Edit(v *View) Verdict {
	var parts [][]byte
	ok := false
	switch {
	case f.cfg.Separator != "":
		parts, ok = f.pieces(v.Value())
	case f.field != nil:
		r := v.Get(f.field)
		if !r.IsArray() || !v.IsObject() {
			return Unhandled
		}
		parts, ok = f.elements(r)
	default:
		value := bytes.TrimSpace(v.Value())
		if len(value) == 0 || value[0] != '[' || !jsontext.Valid(value) {
			return Unhandled
		}
		parts, ok = f.elements(gjson.Parse(alias(value)))
	}
	if ok && f.field != nil && !f.cfg.Alone {
		ok = len(parts)*v.obj.size() <= maxExploded
	}
	if !ok {
		f.large.Inc()
		return Unhandled
	}
	if len(parts) == 0 {
		return Kept // there is nothing to make records of: it is not lost
	}
	v.parts = make([]record.Record, len(parts))
	for i, part := range parts {
		r := &v.parts[i]
		*r = v.rec
		r.Time += int64(i)
		r.Value = f.value(v, part)
	}
	return Split
}

func (f *Explode) pieces(value []byte) (parts [][]byte, ok bool) {
	for more := true; more; {
		var part []byte
		if part, value, more = bytes.Cut(value, []byte(f.cfg.Separator)); len(part) == 0 {
			continue
		}
		if parts = append(parts, part); len(parts) > f.cfg.MaxParts {
			return nil, false
		}
	}
	return parts, true
}

func (f *Explode) elements(list gjson.Result) (parts [][]byte, ok bool) {
	ok = true
	list.ForEach(func(_, e gjson.Result) bool {
		parts = append(parts, bytesOf(e.Raw))
		ok = len(parts) <= f.cfg.MaxParts
		return ok
	})
	return parts, ok
}

// value returns the value of one of the records.
func (f *Explode) value(v *View, part []byte) []byte {
	switch {
	case f.cfg.Separator != "":
		return part
	case f.field == nil || f.cfg.Alone:
		if part[0] == '"' {
			return bytes.Clone(textOf(part))
		}
		return part
	}
	one := object{members: append([]member(nil), v.obj.members...)}
	if f.cfg.Flat && part[0] == '{' {
		one.remove(f.field.names)
		var inner object
		inner.split(part)
		one.merge(inner.members)
	} else {
		one.set(f.field.names, f.field.key, part)
	}
	return one.append(make([]byte, 0, one.size()))
}

// appendText appends text as a JSON string.
func appendText(dst, text []byte) []byte { return wire.AppendJSONString(dst, text) }
