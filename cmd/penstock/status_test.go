package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/state"
)

// asked runs a command against an agent in the given state.
func asked(t *testing.T, s admin.Status, args ...string) (code int, out string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewEncoder(w).Encode(s); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	var stdout, stderr strings.Builder
	code = run(append(args, "--admin", strings.TrimPrefix(srv.URL, "http://")), &stdout, &stderr)
	if stderr.Len() > 0 {
		t.Errorf("on standard error: %s", stderr.String())
	}
	return code, stdout.String()
}

func status(waiting, stored int64, level state.Level, problems ...state.Problem) admin.Status {
	now := state.PipelineState{
		Name:     "app",
		OnDisk:   waiting,
		Stored:   stored,
		Oldest:   2 * time.Minute,
		Fill:     0.125,
		Full:     200 * time.Minute,
		Level:    level,
		Problems: problems,
		Sentence: "All safe. It is so.",
		Inputs: []state.InputState{
			{ID: "input.tail.app", Kind: state.Following, Text: "follows 3 files"},
		},
		Outputs: []state.OutputState{
			{
				ID:     "output.kafka.events",
				Kind:   state.StandingBy,
				Text:   "does not answer",
				Stored: stored,
			},
		},
	}
	return admin.Status{
		Agent:     "web-1",
		Sentence:  "All safe. It is | so.",
		Level:     level,
		Pipelines: []admin.Pipeline{{Name: "app", Now: now, Buffer: &admin.Buffer{}}},
	}
}

func TestStatusIsAPageOfText(t *testing.T) {
	code, out := asked(t, status(10_200, 31_640, state.Warning, state.Problem{
		Component: "output.kafka.events",
		Kind:      state.StandingBy,
		Level:     state.Warning,
		Text:      "does not answer",
		Do:        "start the broker",
	}), "status")
	const want = `web-1: All safe. It is | so.

WARNING: standing by
  output.kafka.events does not answer
  to do: start the broker

app
  input.tail.app       following    follows 3 files
  buffer               12% full     10,200 records wait, the oldest for 2 min, room for 3 h 20 min
  output.kafka.events  standing by  does not answer; 31,640 records in the overflow
`
	if code != exitWarning || out != want {
		t.Errorf("%d\n%s", code, out)
	}
}

func TestStatusTellsRecentErrors(t *testing.T) {
	s := status(0, 0, state.OK)
	for i := range 7 {
		s.Recent = append(s.Recent, admin.LogGroup{
			Component: "output.kafka.events", Level: "error", Message: "it\nfails", Count: int64(1 + i*1200),
			Last: time.Now().Add(-time.Duration(i)*time.Minute - 10*time.Second), Error: "refused",
			Do: "start the broker",
		})
	}
	code, out := asked(t, s, "status")
	_, out, _ = strings.Cut(out, "\nrecent errors and warnings\n")
	const begin = `  error, 10 s ago: output.kafka.events it fails
    refused
    to do: start the broker
  error, 1,201 times, last 70 s ago: output.kafka.events it fails
`
	const end = "\n  and 2 other kinds; see the page\n"
	if code != 0 || !strings.HasPrefix(out, begin) || !strings.HasSuffix(out, end) {
		t.Errorf("%d\n%s", code, out)
	}
}

func TestStatusAndCheckExitByState(t *testing.T) {
	for level, want := range map[state.Level]int{state.OK: 0, state.Notice: 0, state.Warning: 1, state.Critical: 2} {
		for _, command := range []string{"status", "check"} {
			if code, out := asked(t, status(0, 0, level), command); code != want {
				t.Errorf("%s with %v: %d %s", command, level, code, out)
			}
		}
	}
	for _, command := range []string{"status", "check"} {
		var out, errs strings.Builder
		if code := run(
			[]string{command, "--admin", "127.0.0.1:1"}, &out, &errs,
		); code != exitUnknown {
			t.Errorf("%s without an agent: %d %s", command, code, errs.String())
		}
	}
}

func TestCheckIsANagiosPlugin(t *testing.T) {
	s := status(10, 5, state.OK)
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 0, "PENSTOCK OK - All safe. It is / so. | 'app waiting'=15;;;0 'app overflow'=5;;;0 'app age'=120s;;;0 'app fill'=12.5%;;;0\n"},
		{[]string{"--warning-waiting", "15"}, 1, "PENSTOCK WARNING - app: 15 records wait, beyond what is warned of. All safe. It is / so. | 'app waiting'=15;15;;0 "},
		{[]string{"--warning-age", "1m", "--critical-age", "2m"}, 2, "'app age'=120s;60;120;0"},
		{
			[]string{"--critical-age", "2m"}, 2,
			"CRITICAL - app: the oldest record has waited for 2 min, beyond what is critical. All safe.",
		},
		{[]string{"--critical-fill", "0.2"}, 0, "'app fill'=12.5%;;20;0"},
		{[]string{"--pipeline", "app"}, 0, "PENSTOCK OK - All safe. It is so."},
		{[]string{"--pipeline", "none"}, 3, `PENSTOCK UNKNOWN - the agent has no pipeline "none"`},
	} {
		if code, out := asked(
			t,
			s,
			append(
				[]string{"check"},
				tc.args...)...); code != tc.code || !strings.Contains(out, tc.want) || strings.Count(out, "\n") != 1 ||
			strings.Count(out, "|") > 1 {
			t.Errorf("%q: %d %s", tc.args, code, out)
		}
	}
}

func TestCheckLooksAtAnyMetric(t *testing.T) {
	const figures = `{"agent":{"type":"agent","up":1},
"output.kafka.a":{"type":"output","lag{partition=0}":3,"lag{partition=1}":70000000,"x_seconds":0.5},
"output.kafka.b":{"type":"output","lag{partition=0}":9}}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics.json" {
			t.Errorf("%s is asked for", r.URL)
		}
		_, _ = w.Write([]byte(figures))
	}))
	defer srv.Close()
	const all = " | 'output.kafka.a lag{partition:0}'=3;9;99 'output.kafka.a lag{partition:1}'=70000000;9;99" +
		" 'output.kafka.b lag{partition:0}'=9;9;99\n"
	for args, want := range map[string]string{
		"--metric lag --warning 9 --critical 99":                            "2 PENSTOCK CRITICAL - output.kafka.a lag{partition=1} is 70000000" + all,
		"--metric lag --component output.kafka.b --warning 9 --critical 10": "1 PENSTOCK WARNING - output.kafka.b lag{partition=0} is 9 | ",
		"--metric lag{partition=0} --critical 10":                           "0 PENSTOCK OK - output.kafka.b lag{partition=0} is 9 | ",
		"--metric lag --below --warning 3":                                  "1 PENSTOCK WARNING - output.kafka.a lag{partition=0} is 3 | ",
		"--metric up":                                                       "0 PENSTOCK OK - agent up is 1 | 'agent up'=1;;\n",
		"--metric x_seconds --critical 0.6":                                 "0 PENSTOCK OK - output.kafka.a x_seconds is 0.5 | ",
		"--metric type":                                                     "3 PENSTOCK UNKNOWN - no metric type is there: ",
		"--metric lag --component nobody":                                   "3 PENSTOCK UNKNOWN - no metric nobody lag is there: ",
		"--warning 3":                                                       "3 PENSTOCK UNKNOWN - --component, --warning, --critical and --below go with",
		"--metric lag --warning much":                                       "3 PENSTOCK UNKNOWN - --warning: must be a number, not \"much\"\n",
	} {
		var out, errs strings.Builder
		code := run(append(strings.Fields("check "+args), "--admin", srv.Listener.Addr().String()), &out, &errs)
		if got := fmt.Sprintf("%d %s%s", code, out.String(), errs.String()); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", args, got)
		}
	}
}
