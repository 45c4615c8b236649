package config

import (
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// pathText finds the attribute path that an error of a Validate method begins with.
var pathText = regexp.MustCompile(
	`^([a-z_][a-z0-9_]*(?:\[\d+\])?(?:\.[a-z_][a-z0-9_]*(?:\[\d+\])?)*):? `,
)

// validate runs a config struct's own checks and puts its errors where their attributes stand.
func (d *decoder) validate(cfg any) { d.validateAt(cfg, "") }

func (d *decoder) validateAt(cfg any, prefix string) {
	if slices.Contains(d.syntax, d.where[""].Filename) {
		return
	}
	if v, ok := cfg.(validator); ok {
		err := v.Validate()
		whole := (d.report.elsewhere || d.report.unconnected) && d.doWithout(v, err)
		d.place(err, prefix, false, whole)
	}
	if w, ok := cfg.(warner); ok {
		d.place(w.Warnings(), prefix, true, false)
	}
	d.warnForeign()
}

// secured is implemented by blocks whose files only connections need.
type secured interface {
	// WithoutFiles makes it valid without its files.
	WithoutFiles()
}

// doWithout takes files that this machine lacks out of where connections alone need them, and
// reports whether nothing else is wrong.
func (d *decoder) doWithout(v validator, err error) bool {
	some := false
	for _, part := range flatten(err) {
		m := pathText.FindStringSubmatch(part.text)
		if m == nil || !strings.HasSuffix(m[1], "_file") || !lacking(part.err) {
			continue
		}
		if slot, ok := d.slots[m[1]]; ok && !strings.Contains(m[1], ".") {
			slot.SetZero()
			some = true
		} else if i := strings.LastIndexByte(m[1], '.'); i > 0 && d.secured[m[1][:i]] != nil {
			d.secured[m[1][:i]].WithoutFiles()
			some = true
		}
	}
	return some && v.Validate() == nil
}

// place tells each part of err where its attribute stands, as a warning if warn says so; whole says
// that the component has been made to do without what this machine lacks.
func (d *decoder) place(err error, prefix string, warn, whole bool) {
	for _, part := range flatten(err) {
		path, block := prefix, prefix
		if m := pathText.FindStringSubmatch(part.text); m != nil {
			path = join(prefix, m[1])
			block = path[:max(0, strings.LastIndexByte(path, '.'))]
		}
		if d.hasFailed(path) || d.namesFailed(block, part.text) {
			continue
		}
		owner := d.owner
		if prefix != "" {
			owner += "." + prefix
		}
		tell := d.report.teller(part)
		if warn {
			tell = d.report.warnf
		} else if whole && lacking(part.err) {
			tell = d.report.withoutf
		}
		tell(d.position(path), d.foreignAt(path), "%s: %s", owner, part.text)
	}
}

// Mistake adds what was found wrong with a component when it was made; texts that begin with an
// attribute's path stand there.
func (r *Report) Mistake(inst *Instance, err error) {
	for _, part := range flatten(err) {
		at := inst.Range
		if m := pathText.FindStringSubmatch(part.text); m != nil && inst.positions != nil {
			at = inst.positions.position(m[1])
		}
		r.teller(part)(at, "", "%s: %s", inst.ID(), part.text)
	}
}

// teller returns what tells a part of an error.
func (r *Report) teller(p part) func(at hcl.Range, hint, format string, args ...any) {
	if lacking(p.err) {
		return r.lackf
	}
	return r.errorf
}

// Warning adds what a component would do that is hardly meant.
func (r *Report) Warning(inst *Instance, text string) {
	r.warnf(inst.Range, "", "%s: %s", inst.ID(), text)
}

// Failure adds a mistake that stands at no place in a file.
func (r *Report) Failure(err error) { r.errorf(hcl.Range{}, "", "%v", err) }

// namesFailed reports whether text speaks of another attribute of the block which has been reported
// already: what goes together cannot be told while one of the two has no value. A name of one word
// may be just that word.
func (d *decoder) namesFailed(block, text string) bool {
	words := strings.FieldsFunc(text, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return slices.ContainsFunc(words, func(word string) bool {
		return strings.Contains(word, "_") && d.failed[join(block, word)]
	})
}

// hasFailed reports whether the attribute, or a block around it, or something within the block, has
// been reported already.
func (d *decoder) hasFailed(path string) bool {
	for failed := range d.failed {
		rest, within := strings.CutPrefix(failed, path)
		if path != "" && within && rest != "" && (rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	for path != "" {
		if d.failed[path] || d.failed[withoutIndex(path)] {
			return true
		}
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return false
		}
		path = path[:i]
	}
	return false
}

// flatten takes joined errors apart. Text that was put before a joined error goes before each of
// its parts.
func flatten(err error) []part {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		if parts := many.Unwrap(); !wrapsText(err, parts) {
			var out []part
			for _, e := range parts {
				out = append(out, flatten(e)...)
			}
			return out
		}
	}
	if one, ok := err.(interface{ Unwrap() error }); ok && one.Unwrap() != nil {
		inner := one.Unwrap()
		if prefix, found := strings.CutSuffix(err.Error(), inner.Error()); found &&
			strings.Contains(inner.Error(), "\n") {
			out := flatten(inner)
			for i := range out {
				out[i].text = prefix + out[i].text
			}
			return out
		}
	}
	return []part{{err.Error(), err}}
}

// part is one of several errors that were joined: err is of what its text says.
type part struct {
	text string
	err  error
}

// wrapsText tells an fmt.Errorf with several %w from errors.Join.
func wrapsText(err error, parts []error) bool {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.Error()
	}
	return err.Error() != strings.Join(texts, "\n")
}

var index = regexp.MustCompile(`\[\d+\]$`)

func withoutIndex(path string) string { return index.ReplaceAllString(path, "") }

// position returns where the attribute or block at path stands, or the nearest one around it.
func (d *decoder) position(path string) hcl.Range {
	for path != "" {
		if at, ok := d.exact(path); ok {
			return at
		}
		if bare := withoutIndex(path); bare != path {
			if at, ok := d.exact(bare); ok {
				return at
			}
		}
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			break
		}
		path = path[:i]
	}
	return d.where[""]
}

func (d *decoder) exact(path string) (hcl.Range, bool) {
	if attr, ok := d.attrs[path]; ok {
		return attr.Expr.Range(), true
	}
	if at, ok := d.where[path]; ok {
		return at, true
	}
	bare := withoutIndex(path)
	if ranges := d.lists[bare]; bare != path {
		n := 0
		for _, c := range path[len(bare)+1 : len(path)-1] {
			n = n*10 + int(c-'0')
		}
		if n < len(ranges) {
			return ranges[n], true
		}
	}
	return hcl.Range{}, false
}
