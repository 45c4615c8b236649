package config

import (
	"fmt"
	"slices"
	"strings"
)

// removes is the configuration of an input that may remove what it has read.
type removes interface {
	// Removes returns the attribute that says so, or "" if it does not.
	Removes() string
	// ReadsWith returns one of its patterns for what may be read by another input too, which has
	// the configuration other; "" if there is none.
	ReadsWith(other any) string
	// ReadsToo returns a file that is there, or one of its patterns, which another input reads too,
	// that has the configuration other; "" if there is none.
	ReadsToo(other any) string
}

// drops is the configuration of a buffer.
type drops interface {
	// Drops reports whether a full buffer discards what no output has.
	Drops() bool
}

// checkRemoval finds inputs that would remove what no output has: the only copy of a record that
// was dropped.
func (l *loader) checkRemoval(p *Pipeline) {
	for _, id := range p.From {
		inst := l.cfg.Find(id)
		if inst == nil {
			continue
		}
		c, ok := inst.Config.(removes)
		if !ok || c.Removes() == "" {
			continue
		}
		if d, ok := p.Buffer.(drops); ok && d.Drops() {
			l.report.errorf(
				p.positions.position("buffer.when_full"), `Write when_full = "block" or "overflow".`,
				"buffer.when_full: what is dropped would be gone for good: %s has %s",
				id, c.Removes(),
			)
		}
		if p.MayLeaveUnrouted() && p.Unrouted == UnroutedCount {
			l.report.errorf(
				p.Range,
				`Add otherwise = [output.TYPE.NAME] for the rest, or unrouted = "dead_letter".`,
				"pipeline.%s discards records that no route takes, and %s has %s: they would be gone for good",
				p.Name, id, c.Removes(),
			)
		}
	}
}

// checkReadTwice finds inputs that read the same files. One that removes them would leave the other
// nothing to read, and knows nothing of how far it has come.
func (l *loader) checkReadTwice() {
	used := map[string]*Instance{}
	var ids []string
	for _, p := range l.cfg.Pipelines {
		for _, id := range p.From {
			if inst := l.cfg.Find(id); inst != nil && !l.wrong[id] && used[id] == nil {
				used[id], ids = inst, append(ids, id)
			}
		}
	}
	for i, id := range ids {
		c, ok := used[id].Config.(removes)
		if !ok {
			continue
		}
		for j, other := range ids {
			if other == id {
				continue
			}
			o, ok := used[other].Config.(removes)
			if !ok {
				continue
			}
			if c.Removes() == "" {
				if j < i && o.Removes() == "" {
					l.warnReadTwice(used[id], c.ReadsToo(o), other)
				}
				continue
			}
			if pattern := c.ReadsWith(o); pattern != "" {
				attr, _, _ := strings.Cut(c.Removes(), " ")
				l.report.errorf(
					used[id].positions.position(attr),
					"Add the outputs of the other's pipeline to that of this one, or exclude there what is removed here.",
					"%s: %s: what matches %s may be read by %s, too: it would be removed before that has read it",
					id, attr, pattern, other,
				)
			}
		}
	}
}

// warnReadTwice tells of files that another input, which is written before, reads as well.
func (l *loader) warnReadTwice(inst *Instance, files, other string) {
	if files == "" {
		return
	}
	without := fmt.Sprintf("exclude = [%q] in one of the two, or another path.", files)
	hint := "Write " + without
	if !slices.ContainsFunc(l.cfg.Pipelines, func(p *Pipeline) bool {
		return slices.Contains(p.From, inst.ID()) && slices.Contains(p.From, other)
	}) {
		hint = "An input may feed several pipelines, and is read once for all of them: write " + other +
			" in both.\nOr write " + without
	}
	l.report.warnf(
		inst.positions.position("paths"), hint,
		"%s: paths: %s reads %s, too: each of its lines is taken twice", inst.ID(), other, files,
	)
}
