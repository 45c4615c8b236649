package ledger

import (
	"fmt"
	"slices"
	"time"

	"github.com/penstock/penstock/buffer/record/tally"
)

const stamp = "2006-01-02 15:04:05"

func (l *life) silence() string {
	return l.agent + " has published nothing since " + l.latest.UTC().Format(stamp)
}

// lookForRemoved finds what waited in buffers that are gone, and in those nobody has heard of for
// long.
func (j *join) lookForRemoved() {
	silent := map[*life]int64{}
	for _, p := range j.pages {
		l := j.lives[p.life()]
		for i := range p.Lines {
			line := &p.Lines[i]
			switch {
			case line.Waiting == 0 || p.Run != "":
			case l.over.IsZero():
				if j.newest.Sub(l.latest) > gone {
					silent[l] += line.Waiting
				}
			default:
				at := output{l.lifeKey, line.Output}
				j.removed[at] = append(j.removed[at], &lost{Difference: tally.Difference{
					Pipeline: p.Agent + "/" + p.Pipeline, From: line.From, Span: line.Span,
					Origin: line.Origin, Output: line.Output, Missing: line.Waiting,
					After: tally.Buffered.String(), Before: tally.Taken.String(),
					Explain: fmt.Sprintf(
						"they waited in a buffer that was removed, or whose disk was lost, as of %s; another is in its place since %s. What an input still has, such as a file, it reads again",
						l.latest.UTC().Format(stamp), l.over.UTC().Format(stamp),
					),
				}})
			}
		}
	}
	for _, list := range j.removed {
		slices.SortStableFunc(list, earlier)
	}
	for l, n := range silent {
		j.notes = append(j.notes, fmt.Sprintf(
			"%s: %d records waited in its buffer of %s then", l.silence(), n, l.pipeline,
		))
	}
}

// removedAt returns until when buffers of senders were removed.
func (j *join) removedAt(h *hop) (at time.Time) {
	for _, of := range h.removed {
		if over := j.lives[of.of].over; over.After(at) {
			at = over
		}
	}
	return at
}

func earlier(x, y *lost) int { return x.From.Compare(y.From) }

// arrived explains what was read and never told to have been sent, by senders that are gone: what
// waited in their buffers may have been delivered after they published last, and so may what was
// sent to them since, which looks lost on the way to them. It returns how much that is. Others who
// have read the same explain the same.
func (j *join) arrived(h *hop, added int64) (explained int64) {
	from := func(list []*lost, ok func(*lost) bool) {
		for _, d := range list {
			if added > explained && d.Missing > 0 && ok(d) {
				n := min(d.Missing, added-explained)
				d.arrived = max(d.arrived, n)
				explained += n
			}
		}
	}
	for _, of := range h.removed {
		from(j.removed[of], func(*lost) bool { return true })
	}
	for _, of := range h.removed {
		since := j.lives[of.of].latest.Add(-time.Minute)
		from(j.between, func(d *lost) bool {
			return !d.From.Before(since) && slices.Contains(d.readers, of.of)
		})
	}
	return explained
}

// uncounted returns the sender that may have delivered in a minute what it did not live to publish.
func (j *join) uncounted(h *hop, minute time.Time) *life {
	for _, of := range h.removed {
		l := j.lives[of.of]
		if minute.After(l.latest.Add(-2*time.Minute)) && minute.Before(l.over.Add(time.Minute)) {
			return l
		}
	}
	return nil
}
