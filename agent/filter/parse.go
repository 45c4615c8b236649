package filter

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/penstock/penstock/agent/filter/formats"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/timefmt"
	"github.com/penstock/penstock/network/wire"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/tidwall/gjson"
)

// ParseConfig is the config of the parse filter.
type ParseConfig struct {
	Format         string            `hcl:"format,optional" oneof:"json|logfmt|regex|grok|key_value|query|csv|tsv|w3c|nginx|nginx_error|apache_common|apache_combined|apache_vhost|apache_error|syslog|klog|cri|docker|postgres|user_agent" doc:"How the text is written. nginx is nginx's preset, combined; query is that of a URL; syslog is RFC 3164 and RFC 5424, with or without priority; w3c is the extended log format of IIS and others; postgres is csvlog; user_agent is that header of HTTP (name, version, os.name, os.version, device.name, device.type as in the Elastic Common Schema)."`
	Formats        []string          `hcl:"formats,optional" oneof:"json|logfmt|regex|grok|key_value|query|csv|tsv|w3c|nginx|nginx_error|apache_common|apache_combined|apache_vhost|apache_error|syslog|klog|cri|docker|postgres|user_agent" doc:"Several formats instead of one: the first that fits is taken."`
	Pattern        string            `hcl:"pattern,optional" doc:"Regular expression (RE2) for regex; its named groups become fields: (?P<status>[0-9]+). For grok, its pattern, in a config with two percent signs: %%{IP:client} %%{NUMBER:ms:float}."`
	Patterns       []string          `hcl:"patterns,optional" doc:"Several patterns for regex or grok: the first that fits is taken."`
	Definitions    map[string]string `hcl:"definitions,optional" doc:"Patterns of your own for grok, by name: { ORDER = \"ord-[0-9]+\" }."`
	Field          string            `hcl:"field,optional" doc:"Parse this field of a JSON value and add what it holds to the object; the whole value otherwise."`
	Keep           string            `hcl:"keep,optional" doc:"Field that keeps the text that was parsed; without one it is not kept."`
	Into           string            `hcl:"into,optional" doc:"Field for an object with what was parsed; the top of the value otherwise."`
	Types          map[string]string `hcl:"types,optional" oneof:"int|float|bool|string|auto" doc:"Types of fields: { status = \"int\", seconds = \"float\", ok = \"bool\" }. What does not have the form of its type stays text, and is counted. A number keeps its digits."`
	AutoTypes      bool              `hcl:"auto_types,optional" doc:"Whether text that is plainly a number of 64 bits, a short decimal fraction, true or false becomes one; 007, 1e5 and longer digits stay text."`
	Time           bool              `hcl:"time,optional" doc:"Whether the record gets the time that the line tells, for the formats that have one; what it leaves out is filled in from the record's time. The field stays."`
	Zone           string            `hcl:"zone,optional" doc:"IANA zone of times that name none, such as \"Europe/Berlin\"; UTC otherwise."`
	Columns        []string          `hcl:"columns,optional" doc:"Names of the columns, for csv and tsv; and for w3c where a line comes before any #Fields."`
	Header         bool              `hcl:"header,optional" doc:"Whether the first line of each file names the columns, for csv and tsv. Such lines are taken out, wherever they repeat; #Fields of w3c may change on the way."`
	Delimiter      string            `hcl:"delimiter,optional" doc:"The character between the values of csv."`
	PairSeparator  string            `hcl:"pair_separator,optional" doc:"What stands between pairs, for key_value."`
	ValueSeparator string            `hcl:"value_separator,optional" doc:"What stands between a name and its value, for key_value."`
	OnFailure      string            `hcl:"on_failure,optional" oneof:"pass|mark|discard|dead_letter" doc:"What becomes of a record whose text is of no such format: it passes as it is; or with a header parse_error that says why, by which a route can choose; or it is discarded; or goes to the dead letter. It is counted by reason in any case."`
}

// DefaultParse returns the defaults.
func DefaultParse() ParseConfig {
	return ParseConfig{OnFailure: "pass", Delimiter: ",", PairSeparator: " ", ValueSeparator: "="}
}

// Validate checks the config.
func (c *ParseConfig) Validate() error {
	_, err := c.compile()
	return err
}

// MarkHeader is the header that says why a text could not be parsed.
const MarkHeader = "parse_error"

// attempt is one format to try.
type attempt struct {
	parser formats.Parser
	table  *table            // for columns that lines name; the parser is nil then
	times  []*timefmt.Format // of formats.Fields.Time; the first that fits
}

// Parse turns text into JSON fields.
type Parse struct {
	base
	cfg               ParseConfig
	attempts          []attempt
	field, keep, into *Path
	types             []typedPath
	plain             bool // one object is passed as it is
	onFailure         string

	env      Env
	failures *prometheus.CounterVec
	untyped  prometheus.Counter
}

// NewParse returns the filter.
func NewParse(c ParseConfig, env Env) (*Parse, error) {
	f, err := c.compile()
	if err != nil {
		return nil, err
	}
	f.base, f.env = newBase(env), env
	f.failures = env.counters(
		"penstock_filter_parse_failures_total",
		"Texts that could not be parsed, by reason"+eachOutput, "reason",
	)
	f.untyped = env.counter(
		"penstock_filter_types_failed_total",
		"Fields that did not have the form of the type that they were to have, and stayed as they were.",
	)
	return f, nil
}

func (c *ParseConfig) compile() (*Parse, error) {
	f := &Parse{cfg: *c, onFailure: c.OnFailure}
	var errs []error
	fail := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	names := c.Formats
	if c.Format != "" {
		names = append([]string{c.Format}, names...)
	}
	if len(names) == 0 {
		fail(errors.New("format: say how the text is written: json, regex, nginx or another"))
	}
	loc, err := time.LoadLocation(c.Zone)
	if err != nil {
		fail(fmt.Errorf("zone: %w", err))
		loc = time.UTC
	}
	uses := map[string]bool{}
	for _, name := range names {
		list, err := c.attempts(name, loc, uses)
		fail(err)
		f.attempts = append(f.attempts, list...)
	}
	for _, a := range []struct {
		name string
		set  bool
		only string
	}{
		{"pattern", c.Pattern != "", "regex and grok"}, {"patterns", len(c.Patterns) > 0, "regex and grok"}, {"definitions", len(c.Definitions) > 0, "grok"},
		{"columns", len(c.Columns) > 0, "csv, tsv and w3c"}, {"header", c.Header, "csv and tsv"},
	} {
		if a.set && !uses[a.name] {
			fail(fmt.Errorf("%s: has a meaning for %s only", a.name, a.only))
		}
	}
	for name, field := range map[string]struct {
		text string
		to   **Path
	}{"field": {c.Field, &f.field}, "keep": {c.Keep, &f.keep}, "into": {c.Into, &f.into}} {
		if field.text == "" {
			continue
		}
		p, err := NewPath(field.text)
		if err != nil {
			fail(fmt.Errorf("%s: %w", name, err))
		}
		*field.to = p
	}
	f.types, err = newTypes("types", c.Types)
	fail(err)
	f.plain = f.field == nil && f.into == nil && f.keep == nil && len(f.types) == 0 && !c.AutoTypes
	return f, errors.Join(errs...)
}

// attempts returns what is to be tried for one format, and notes which attributes it has a use for.
func (c *ParseConfig) attempts(
	name string, loc *time.Location, uses map[string]bool,
) ([]attempt, error) {
	one := func(p formats.Func, patterns ...string) ([]attempt, error) {
		a := attempt{parser: p}
		for _, pattern := range patterns {
			format, err := timefmt.New(pattern, loc)
			if err != nil {
				return nil, err
			}
			a.times = append(a.times, format)
		}
		return []attempt{a}, nil
	}
	switch name {
	case "json":
		return one(formats.ParseJSON)
	case "logfmt":
		return one(formats.ParseLogfmt)
	case "query":
		return one(formats.ParseQuery)
	case "user_agent":
		return one(formats.ParseUserAgent)
	case "docker":
		return one(formats.ParseDocker, "iso8601")
	case "cri":
		return one(formats.ParseCRI, "iso8601")
	case "klog":
		return one(formats.ParseKlog, formats.TimeKlog)
	case "nginx", "apache_combined":
		return one(formats.ParseCombined, formats.TimeHTTP)
	case "apache_vhost":
		return one(formats.ParseVhost, formats.TimeHTTP)
	case "apache_common":
		return one(formats.ParseCommon, formats.TimeHTTP)
	case "nginx_error":
		return one(formats.ParseNginxError, formats.TimeNginxError)
	case "apache_error":
		return one(formats.ParseApacheError, formats.TimeApacheError, formats.TimeApacheErrorShort)
	case "postgres":
		return one(formats.ParsePostgres, formats.TimePostgres)
	case "syslog":
		return []attempt{{parser: formats.NewSyslog(loc)}}, nil
	case "key_value":
		p, err := formats.NewPairs(c.PairSeparator, c.ValueSeparator)
		if err != nil {
			err = fmt.Errorf("pair_separator: %w", err)
		}
		return []attempt{{parser: p}}, err
	case "regex", "grok":
		uses["pattern"], uses["patterns"] = true, true
		uses["definitions"] = uses["definitions"] || name == "grok"
		return c.patterns(name)
	case "csv", "tsv", "w3c":
		uses["columns"] = true
		uses["header"] = uses["header"] || name != "w3c"
		list, err := c.table(name)
		if err == nil && name == "w3c" {
			var format *timefmt.Format
			format, err = timefmt.New(formats.TimeW3C, time.UTC)
			list[0].times = []*timefmt.Format{format}
		}
		return list, err
	}
	return nil, fmt.Errorf("format: there is no format %q", name)
}

func (c *ParseConfig) patterns(format string) ([]attempt, error) {
	var out []attempt
	var errs []error
	add := func(attr, pattern string) {
		var p formats.Parser
		var err error
		if format == "regex" {
			p, err = formats.NewRegex(pattern)
		} else {
			var g *formats.Grok
			if g, err = formats.NewGrok(pattern, c.Definitions); err == nil {
				p = g
				for field, typ := range g.Types {
					if c.Types[field] == "" {
						if c.Types == nil {
							c.Types = map[string]string{}
						}
						c.Types[field] = typ
					}
				}
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", attr, err))
		}
		out = append(out, attempt{parser: p})
	}
	if c.Pattern != "" {
		add("pattern", c.Pattern)
	}
	for i, p := range c.Patterns {
		add(fmt.Sprintf("patterns[%d]", i), p)
	}
	if len(out) == 0 {
		errs = append(errs, fmt.Errorf("pattern: format %q needs one", format))
	}
	return out, errors.Join(errs...)
}

// ForLog implements Stateful: what lines say of columns holds for the log they are of.
func (f *Parse) ForLog(log string) Filter {
	g := *f
	g.attempts = slices.Clone(f.attempts)
	alone := false
	for i := range g.attempts {
		if a := &g.attempts[i]; a.table != nil {
			a.table, alone = a.table.forLog(f.env, log), true
		}
	}
	if !alone {
		return f
	}
	return &g
}

// Edit implements Filter.
func (f *Parse) Edit(v *View) Verdict {
	text := v.Value()
	if f.field != nil {
		r := v.Get(f.field)
		if r.Type != gjson.String {
			return f.fail(v, "no_text")
		}
		text = bytesOf(r.Str)
	}
	reason := ""
	for i := range f.attempts {
		a := &f.attempts[i]
		v.fields.Reset()
		var err error
		if a.table != nil {
			var names bool
			if names, err = a.table.parse(v, text); names {
				return Discarded
			}
		} else {
			err = a.parser.Parse(text, v.rec.Time, &v.fields)
		}
		if err == nil && v.fields.TooMany {
			return f.fail(v, "too_many_fields")
		}
		if err == nil {
			return f.store(v, a, text)
		}
		if e := (*formats.Error)(
			nil,
		); errors.As(err, &e) &&
			(reason == "" || len(f.attempts) == 1) {
			reason = e.Reason
		}
	}
	if len(f.attempts) > 1 {
		reason = "no_format"
	}
	return f.fail(v, reason)
}

// fail does what is to be done with a record that could not be parsed.
func (f *Parse) fail(v *View, reason string) Verdict {
	f.failures.WithLabelValues(reason).Inc()
	switch f.onFailure {
	case "mark":
		v.SetHeader(MarkHeader, []byte(reason))
		return Unhandled
	case "discard":
		return Discarded
	case "dead_letter":
		return v.refuse(f.env.Name + ": not parsed: " + reason)
	}
	return Unhandled
}

// store puts what was found into the record.
func (f *Parse) store(v *View, a *attempt, text []byte) Verdict {
	if f.field != nil && !v.IsObject() {
		return f.fail(v, "not_json")
	}
	asItWas := f.snapshot(v)
	if f.cfg.Time {
		f.setTime(v, a)
	}
	found := v.fields.Object
	if found != nil && f.plain && bytes.Equal(found, v.rec.Value) {
		if v.changed {
			return Changed
		}
		return Kept
	}
	v.members = v.members[:0]
	if found == nil && f.field == nil && f.into == nil && f.keep == nil && f.write(v) {
		return Changed
	}
	if found != nil {
		if f.plain {
			v.SetValue(bytes.Clone(found))
			return Changed
		}
		f.takeObject(v, bytes.Clone(found))
	} else {
		f.takeList(v)
	}
	if f.field == nil {
		v.obj.reset()
		v.obj.state = edited
		v.changed = true
	} else {
		v.Remove(f.field)
	}
	stored := true
	if f.into != nil {
		inner := object{members: v.members}
		stored = v.Set(f.into, inner.append(v.arena.take(inner.size())))
	} else {
		v.obj.merge(v.members)
		v.obj.state, v.changed = edited, true
	}
	if f.keep != nil {
		stored = v.Set(f.keep, v.String(text)) && stored
	}
	if !stored { // what was parsed, or its text, would be gone
		v.rec, v.obj, v.changed = asItWas.rec, asItWas.obj, asItWas.changed
		return f.fail(v, "no_object")
	}
	return Changed
}

// snapshot is what a record was.
type snapshot struct {
	rec     record.Record
	obj     object
	changed bool
}

// snapshot returns what the record can be restored from where into or keep lies in an object that
// may be something else.
func (f *Parse) snapshot(v *View) (s snapshot) {
	if f.into != nil && f.into.rest != "" || f.keep != nil && f.keep.rest != "" {
		s.rec, s.obj, s.changed = v.rec, v.obj, v.changed
		v.obj.members = slices.Clone(v.obj.members)
	}
	return s
}

// write makes the value of the fields that were found, and takes note of the members where they lie
// in it. It does nothing if names repeat.
func (f *Parse) write(v *View) bool {
	list := v.fields.List
	room := 2
	for i := range list {
		for j := range i {
			if list[i].Name == list[j].Name {
				return false
			}
		}
		if i == 64 {
			return false // looking for repeats would take too long
		}
		room += len(list[i].Name) + len(list[i].Value) + 6
	}
	out := append(v.arena.open(room), '{')
	ends := v.ends[:0]
	for i := range list {
		fd := &list[i]
		if i > 0 {
			out = append(out, ',')
		}
		out = wire.AppendJSONString(out, bytesOf(fd.Name))
		ends = append(ends, len(out))
		out = f.appendEncoded(append(out, ':'), fd)
		ends = append(ends, len(out))
	}
	v.ends = ends
	out = v.arena.shut(append(out, '}'))
	v.SetValue(out)
	start := 1
	for i := 0; i < len(ends); i += 2 {
		v.obj.members = append(
			v.obj.members,
			member{key: out[start:ends[i]:ends[i]], value: out[ends[i]+1 : ends[i+1] : ends[i+1]]},
		)
		start = ends[i+1] + 1
	}
	v.obj.state = taken
	return true
}

// appendEncoded appends a field's value as JSON, with its type.
func (f *Parse) appendEncoded(dst []byte, fd *formats.Field) []byte {
	as := f.typeOf(fd.Name)
	if fd.Kind == formats.JSON && (as == asItIs || as == asAuto || fd.Value[0] == 'n') {
		return append(dst, fd.Value...)
	}
	text := fd.Value
	if fd.Kind == formats.JSON {
		text = textOf(fd.Value)
	}
	if as != asItIs && as != asString {
		out, ok := appendTyped(dst, text, as)
		if ok {
			return out
		}
		if as != asAuto {
			f.untyped.Inc()
		}
		if fd.Kind == formats.JSON {
			return append(dst, fd.Value...)
		}
	}
	return wire.AppendJSONString(dst, text)
}

func (f *Parse) setTime(v *View, a *attempt) {
	switch {
	case v.fields.HasNanos:
		v.SetTime(v.fields.Nanos)
	case a.times != nil && v.fields.Time != nil:
		for _, format := range a.times {
			if t, err := format.Text(v.fields.Time, v.rec.Time); err == nil {
				v.SetTime(t)
				return
			}
		}
		f.failures.WithLabelValues("bad_time").Inc()
	}
}

// typeOf returns the type that a field is to have.
func (f *Parse) typeOf(name string) typing {
	for i := range f.types {
		if f.types[i].name == name {
			return f.types[i].as
		}
	}
	if f.cfg.AutoTypes {
		return asAuto
	}
	return asItIs
}

// takeList lists the fields that were found as members, with their types.
func (f *Parse) takeList(v *View) {
	for i := range v.fields.List {
		fd := &v.fields.List[i]
		m := member{key: v.String(bytesOf(fd.Name))}
		m.value = f.encode(v, fd)
		v.members = append(v.members, m)
	}
	if hasRepeats(v.members) {
		v.members = gather(v.members)
	}
}

func (f *Parse) encode(v *View, fd *formats.Field) []byte {
	as := f.typeOf(fd.Name)
	if fd.Kind == formats.JSON {
		return f.retype(v, fd.Value, as, true)
	}
	if as != asItIs && as != asString {
		out := v.arena.open(len(fd.Value) + 32)
		if typed, ok := appendTyped(out, fd.Value, as); ok {
			return v.arena.shut(typed)
		}
		if as != asAuto {
			f.untyped.Inc()
		}
	}
	return v.String(fd.Value)
}

// retype returns a JSON value with another type, copied if it has to be.
func (f *Parse) retype(v *View, raw []byte, as typing, copied bool) []byte {
	if as != asItIs && !(as == asAuto && raw[0] != '"') {
		text := textOf(raw)
		if as == asString {
			if raw[0] != '"' && raw[0] != 'n' {
				return v.String(text)
			}
		} else if raw[0] != '{' && raw[0] != '[' && raw[0] != 'n' {
			out := v.arena.open(len(text) + 32)
			if typed, ok := appendTyped(out, text, as); ok {
				return v.arena.shut(typed)
			}
			if as != asAuto {
				f.untyped.Inc()
			}
		}
	}
	if !copied {
		return raw
	}
	return append(v.arena.take(len(raw)), raw...)
}

// takeObject lists the members of an object that was found, with their types.
func (f *Parse) takeObject(v *View, value []byte) {
	var o object
	o.members = v.members
	o.split(value)
	for _, t := range f.types {
		o.each(t.path.names, func(raw []byte) []byte { return f.retype(v, raw, t.as, false) })
	}
	if f.cfg.AutoTypes {
		for i := range o.members {
			m := &o.members[i]
			if m.value[0] == '"' &&
				!slices.ContainsFunc(
					f.types, func(t typedPath) bool { return m.named(t.path.names[0]) },
				) {
				m.value = f.retype(v, m.value, asAuto, false)
			}
		}
	}
	v.members = o.members
}

// hasRepeats reports whether two members have one name.
func hasRepeats(members []member) bool {
	if len(members) > 64 {
		seen := make(map[string]bool, len(members))
		for i := range members {
			if seen[string(members[i].key)] {
				return true
			}
			seen[string(members[i].key)] = true
		}
		return false
	}
	for i := range members {
		for j := range i {
			if bytes.Equal(members[i].key, members[j].key) {
				return true
			}
		}
	}
	return false
}

// gather puts the values of members that have one name into an array.
func gather(members []member) []member {
	index := map[string]int{}
	count := make([]int, len(members))
	out := members[:0:0]
	for _, m := range members {
		i, ok := index[string(m.key)]
		if !ok {
			index[string(m.key)] = len(out)
			count[len(out)] = 1
			out = append(out, m)
			continue
		}
		if count[i]++; count[i] == 2 {
			out[i].value = append([]byte{'['}, out[i].value...)
		}
		out[i].value = append(append(out[i].value, ','), m.value...)
	}
	for i := range out {
		if count[i] > 1 {
			out[i].value = append(out[i].value, ']')
		}
	}
	return out
}
