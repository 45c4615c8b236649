package agent

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/agent/state"
)

// The log has one line when a component comes to do something else and keeps to it, and the service
// manager hears what the page says, at once when states change and else every so often.
func TestLogAndServiceManagerHearOfStates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // of what follows
		var log bytes.Buffer
		kind, sentence, name := state.Delivering, "All safe.", "output.x"
		var told []string
		w := &stateWatch{
			states: func() []state.PipelineState {
				mu.Lock()
				defer mu.Unlock()
				return []state.PipelineState{{
					Name: "p", Sentence: sentence,
					Inputs:  []state.InputState{{ID: "input.a", Kind: state.Following}},
					Outputs: []state.OutputState{{ID: name, Kind: kind, Text: "says so", Do: "mend it"}},
				}}
			},
			sentence: func(all []state.PipelineState) string { return state.Sentence(all) },
			mask:     func(s string) string { return s },
			notify: func(s string) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, s)
			},
			log: slog.New(slog.NewTextHandler(&log, nil)),
		}
		stop := w.run()
		defer func() { stop() }()
		time.Sleep(time.Millisecond)
		after := func(looks int, k, says string) (lines, notices []string) {
			mu.Lock()
			log.Reset()
			told, kind, sentence = nil, k, says
			mu.Unlock()
			time.Sleep(time.Duration(looks) * watchEvery)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return slices.Collect(strings.Lines(log.String())), told
		}
		for i, c := range []struct {
			looks          int
			kind, sentence string
			line           string // a part of the only one; "" for none
			told           string // all, in one
		}{
			{3, state.Delivering, "All safe.", "", "STATUS=All safe."},
			{1, state.Slow, "All safe, slow.", "", "STATUS=All safe, slow."},
			{3, state.Delivering, "All safe.", "", "STATUS=All safe."},
			{2, state.Retrying, "Down\nfor 2 s.", "state=retrying was=delivering text=\"says so\" do=\"mend it\"", "STATUS=Down for 2 s."},
			{1, state.Retrying, "Down for 4 s.", "", ""},
			{4, state.Retrying, "Down for 8 s.", "", "STATUS=Down for 8 s."},
			{5, state.Retrying, "Down for 8 s.", "", ""},
			{2, state.Overflowing, "Overflows.", "component=output.x pipeline=p state=overflowing was=retrying", "STATUS=Overflows."},
			{2, state.Delivering, "All safe.", "state=delivering was=overflowing", "STATUS=All safe."},
		} {
			lines, notices := after(c.looks, c.kind, c.sentence)
			if got := strings.Join(notices, "; "); got != c.told {
				t.Errorf("%d: told %q, not %q", i, got, c.told)
			}
			if (c.line == "") != (len(lines) == 0) || len(lines) > 1 ||
				!strings.Contains(strings.Join(lines, ""), c.line) {
				t.Errorf("%d: logged %q, not %q", i, lines, c.line)
			}
		}
		mu.Lock()
		name = "output.y" // another one, which fails from the beginning
		mu.Unlock()
		if lines, _ := after(2, state.Refused, "Refused."); len(lines) != 1 ||
			!strings.Contains(lines[0], "component=output.y pipeline=p state=refused was=delivering") {
			t.Errorf("%q", lines)
		}
	})
}
