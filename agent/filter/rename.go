package filter

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/buffer/record/template"
)

// RenameTagConfig is the config of the rename_tag filter.
type RenameTagConfig struct {
	Match string            `hcl:"match,optional" doc:"Regular expression (RE2) for the tags to rename; all tags otherwise."`
	To    template.Template `hcl:"to" doc:"The new tag: a template (penstock help templates) that knows tag, tag[N] and agent, group[N] and group.NAME of match, and expr(\"...\") over tag and agent."`
}

// DefaultRenameTag returns the defaults.
func DefaultRenameTag() RenameTagConfig { return RenameTagConfig{} }

// Validate checks the config.
func (c *RenameTagConfig) Validate() error {
	_, err := NewRenameTag(*c, Env{})
	return err
}

// RenameTag gives batches another tag.
type RenameTag struct {
	base
	match *regexp.Regexp
	to    *template.Bound[tagMatch]
}

type tagMatch struct {
	tag    string
	groups []string
}

// NewRenameTag returns the filter.
func NewRenameTag(c RenameTagConfig, env Env) (*RenameTag, error) {
	f := &RenameTag{base: newBase(env)}
	var errs []error
	var err error
	if f.match, err = regexp.Compile(c.Match); err != nil {
		errs = append(errs, fmt.Errorf("match: %w", err))
	}
	if c.To.IsZero() {
		errs = append(errs, errors.New("to: must not be empty"))
	}
	f.to, err = template.Bind(c.To, func(p template.Part) (template.Appender[tagMatch], error) {
		switch p.Name {
		case "tag", "agent", "expr":
			if p.Uses("origin") || !dialect.OfBatch(template.Template{Parts: []template.Part{p}}) {
				return nil, errors.New("decides by tag and agent alone here")
			}
			of, err := dialect.Part(p, env.Agent)
			return func(dst []byte, m tagMatch) ([]byte, error) {
				return of(dst, dialect.Subject{Batch: &record.Batch{Tag: m.tag}})
			}, err
		case "group":
			i, err := dialect.Group(p, f.match)
			return func(dst []byte, m tagMatch) ([]byte, error) {
				return append(dst, m.groups[i]...), nil
			}, err
		}
		return nil, errors.New(
			`is not known here: use tag, tag[N], agent, group[N], group.NAME or expr("upper(tag[0])")`,
		)
	})
	if err != nil {
		errs = append(errs, fmt.Errorf("to: %w", err))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return f, nil
}

// Tag implements Filter. A tag that does not match, or lacks a part that the template wants, stays.
func (f *RenameTag) Tag(tag string) string {
	groups := f.match.FindStringSubmatch(tag)
	if groups == nil {
		return tag
	}
	out, err := f.to.Append(nil, tagMatch{tag, groups})
	if err != nil || len(out) == 0 {
		return tag
	}
	return string(out)
}

// BatchVerdict implements Filter.
func (f *RenameTag) BatchVerdict(*record.Batch) Verdict { return Kept }

// Edit implements Filter. It is not called.
func (f *RenameTag) Edit(*View) Verdict { return Kept }
