package join

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// Patterns is how lines are joined, as it is configured. Those that are set work together.
type Patterns struct {
	Start         string   `hcl:"start,optional" doc:"Regular expression that the first line of every event matches; what does not match goes on with the event before, unless continue is set."`
	Continue      string   `hcl:"continue,optional" doc:"Regular expression that every line but the first of an event matches."`
	End           string   `hcl:"end,optional" doc:"Regular expression that the last line of an event matches. With start, lines between an end and the next start are events of their own."`
	ContinueAfter string   `hcl:"continue_after,optional" doc:"Regular expression for a line that the next one belongs to, even if that matches start: \"\\\\\\\\$\" for lines that end with a backslash, \"^# Time: \" where a line only sometimes stands before the first one."`
	Presets       []string `hcl:"presets,optional" oneof:"java|python|go|ruby|php|dotnet|node|indented" doc:"Languages whose stack traces are one event each; lines that belong to none are events of their own, unless a pattern says otherwise. indented: lines that begin with a space or a tab belong to the one before. The first preset whose trace a line begins is taken, and those that share its beginning as long as they go on."`
}

// Validate reports everything that is wrong, each error beginning with the attribute's name.
func (p *Patterns) Validate() error {
	var errs []error
	all := []struct{ name, text string }{
		{"start", p.Start}, {"continue", p.Continue}, {"end", p.End},
		{"continue_after", p.ContinueAfter},
	}
	set := len(p.Presets) > 0
	for _, a := range all {
		set = set || a.text != ""
		if _, err := regexp.Compile(a.text); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", a.name, err))
		}
	}
	if !set {
		errs = append(errs, errors.New(
			"start: nothing says which lines belong together: set this, continue, end, "+
				"continue_after or presets",
		))
	}
	for i, name := range p.Presets {
		switch {
		case presetNamed(name) < 0:
			errs = append(errs, fmt.Errorf("presets: %q is none of %q", name, Names()))
		case slices.Contains(p.Presets[:i], name):
			errs = append(errs, fmt.Errorf("presets: %q is named twice", name))
		}
	}
	return errors.Join(errs...)
}

// Rules is Patterns, compiled.
type Rules struct {
	start, goesOn, end, after *regexp.Regexp // nil where there is none
	presets                   []preset
}

// New compiles p, which is valid.
func New(p Patterns) *Rules {
	compile := func(text string) *regexp.Regexp {
		if text == "" {
			return nil
		}
		return regexp.MustCompile(text)
	}
	r := &Rules{
		start: compile(p.Start), goesOn: compile(p.Continue), end: compile(p.End),
		after: compile(p.ContinueAfter),
	}
	for _, name := range p.Presets {
		r.presets = append(r.presets, presets[presetNamed(name)])
	}
	return r
}

// State is what has to be known of an event's lines to tell whether it goes on.
type State struct {
	at        [len(presets)]phase // by place in Rules.presets
	needsMore bool                // the last line demands another one
	isOutside bool                // the event began outside of start and end
}

// Begin takes text as the first line of an event, and reports whether the event is complete with
// it.
func (r *Rules) Begin(s *State, text []byte) (whole bool) {
	*s = State{}
	s.isOutside = r.start != nil && r.end != nil && !r.start.Match(text)
	for i := range r.presets {
		s.at[i] = r.presets[i].begins(text)
	}
	return r.whole(s, text)
}

// Next reports whether text, the line after those of s, belongs to them, and then whether the event
// is complete with it.
func (r *Rules) Next(s *State, text []byte) (belongs, whole bool) {
	if !r.belongs(s, text) {
		return false, false
	}
	return true, r.whole(s, text)
}

func (r *Rules) belongs(s *State, text []byte) bool {
	traced := false
	for i := range r.presets {
		if s.at[i] != dead {
			s.at[i] = r.presets[i].goesOn(s.at[i], text)
			traced = traced || s.at[i] != dead
		}
	}
	switch {
	case s.needsMore || traced:
		return true
	case r.start != nil && r.start.Match(text):
		return false
	case r.goesOn != nil:
		return r.goesOn.Match(text)
	}
	return r.start != nil || r.end != nil
}

// whole reports whether no line at all can belong to an event whose last line is text.
func (r *Rules) whole(s *State, text []byte) bool {
	if r.end != nil && r.end.Match(text) {
		return true
	}
	s.needsMore = r.after != nil && r.after.Match(text)
	switch {
	case s.needsMore || r.goesOn != nil:
		return false
	case s.isOutside:
		return true
	case r.start != nil || r.end != nil:
		return false
	}
	return s.at == State{}.at
}
