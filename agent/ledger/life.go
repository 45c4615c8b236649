package ledger

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// patience is how many intervals of publishing may go by until a life is over that another has come
// after: two agents of one name are no successors of one another.
const patience = 2

// life is what counts on: the books of one buffer, or one run of an agent that reads Kafka. Under
// one name there may be several, one after the other (a disk was lost, or an agent started again)
// or at once.
type life struct {
	lifeKey
	began  time.Time // zero: that is not known
	latest time.Time // when it has published
	every  time.Duration
	start  time.Time // of the agent, as of then
	// over is when the one began that came after it; zero while it goes on.
	over time.Time
}

type lifeKey struct{ agent, pipeline, id string }

func (p *Page) life() lifeKey { return lifeKey{p.Agent, p.Pipeline, cmp.Or(p.Buffer, p.Run)} }

// lived returns when what a page is of began.
func (p *Page) lived() time.Time {
	if p.Run == "" {
		return p.Began
	}
	if p.Started.IsZero() { // of an earlier release
		ms, _ := strconv.ParseInt(p.Run, 36, 64)
		return time.UnixMilli(ms)
	}
	return p.Started
}

func livesOf(pages []*Page) map[lifeKey]*life {
	lives := map[lifeKey]*life{}
	for _, p := range pages {
		l := lives[p.life()]
		if l == nil {
			l = &life{lifeKey: p.life(), began: p.lived()}
			lives[l.lifeKey] = l
		}
		if !p.Published.Before(l.latest) {
			l.latest, l.every, l.start = p.Published, p.Every, p.Started
		}
	}
	return lives
}

// ofBuffers returns the pages of buffers that have an identity.
func ofBuffers(pages []*Page) []*Page {
	return slices.DeleteFunc(slices.Clone(pages), func(p *Page) bool { return p.Buffer == "" })
}

// end finds out which lives are over.
func end(lives map[lifeKey]*life, newest time.Time) {
	for _, l := range lives {
		wait := patience * l.every
		if wait == 0 {
			wait = gone // of an earlier release
		}
		if newest.Sub(l.latest) <= wait {
			continue
		}
		for _, next := range lives {
			if next.agent == l.agent && next.pipeline == l.pipeline &&
				next.began.After(l.latest) && (l.over.IsZero() || next.began.Before(l.over)) {
				l.over = next.began
			}
		}
	}
}

// settle returns one page for each life and hour, the one that was published last, under the name
// that it has today and with all hosts that it was known by.
func settle(pages []*Page) (out []*Page) {
	pages = slices.Clone(pages)
	for i, p := range pages {
		copied := *p
		pages[i] = &copied
	}
	identify(pages)
	renamed := rename(pages)
	type hourKey struct {
		lifeKey
		hour int64
	}
	hosts, newest := map[lifeKey][]string{}, map[hourKey]*Page{}
	for _, p := range pages {
		key := hourKey{p.life(), p.Hour.Unix()}
		hosts[key.lifeKey] = append(hosts[key.lifeKey], p.Hosts...)
		if is := newest[key]; is == nil || p.Published.After(is.Published) {
			newest[key] = p
		}
	}
	for _, p := range pages {
		if newest[hourKey{p.life(), p.Hour.Unix()}] == p {
			p.Hosts = hosts[p.life()]
			out = append(out, p)
		} else if renamed[p] {
			newest[hourKey{p.life(), p.Hour.Unix()}].add(p)
		}
	}
	return out
}

// add adds what a page of the same buffer's has that this one has not: where an agent went on after
// its data directory was copied, and before the copy was used in its place.
func (p *Page) add(other *Page) {
	type row struct {
		from           time.Time
		origin, output string
	}
	have := map[row]bool{}
	for _, l := range p.Lines {
		if l.Span > time.Minute {
			return // minutes have become one
		}
		have[row{l.From.UTC(), l.Origin, l.Output}] = true
	}
	p.Lines = slices.Clone(p.Lines)
	for _, l := range other.Lines {
		if !have[row{l.From.UTC(), l.Origin, l.Output}] {
			p.Lines = append(p.Lines, l)
		}
	}
}

// identify gives pages that a release without identities has published that of the buffer they are
// of: one whose beginning is not known, or that had begun by then.
func identify(pages []*Page) {
	lives := livesOf(ofBuffers(pages))
	for _, p := range pages {
		if p.Buffer != "" || p.Run != "" {
			continue
		}
		for _, l := range lives {
			if l.agent == p.Agent && l.pipeline == p.Pipeline && !l.began.After(p.Published) &&
				(p.Buffer == "" || l.began.After(p.Began)) {
				p.Buffer, p.Began = l.id, l.began
			}
		}
	}
}

// rename gives the pages of a buffer whose agent, or pipeline, had another name before the newest
// one, and returns these. Where two of one identity publish at once, a data directory was copied:
// these are two.
func rename(pages []*Page) map[*Page]bool {
	lives := livesOf(ofBuffers(pages))
	last, renamed := map[string]*life{}, map[*Page]bool{} // by the buffer's identity
	for _, l := range lives {
		if of := last[l.id]; of == nil || l.latest.After(of.latest) {
			last[l.id] = l
		}
	}
	for _, p := range ofBuffers(pages) {
		now := last[p.Buffer]
		if l := lives[p.life()]; l != now && !l.latest.After(now.start) {
			p.Agent, p.Pipeline = now.agent, now.pipeline
			renamed[p] = true
		}
	}
	return renamed
}
