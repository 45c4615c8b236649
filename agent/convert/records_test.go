package convert_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/agent"
)

// told is the head of a file NAME.records: lines went into an input of a tool, and the records that
// came out stand below it, one a line.
type told struct {
	From  string            // the program and its version, or "its documentation"
	Input string            // the input of the converted configuration
	Path  string            // of the file
	Env   map[string]string // what the configuration reads
}

// toldRecord is what the tool made. What penstock makes instead is in Ours (null for no record),
// and the summary of the conversion says so in the words of Because.
type toldRecord struct {
	Tag     *string
	Time    string // where the record tells it
	Value   any
	Headers map[string]string // all that it has
	Topic   string
	Ours    json.RawMessage
	Because string
	// NotTime is the time that the tool gives, and penstock does not, as Because says.
	NotTime string
}

// The same lines give the same records: each NAME.lines, read by the converted configuration, gives
// what the tool itself has given, NAME.records, but for what the conversion's summary tells.
func TestTheSameLinesGiveTheSameRecords(t *testing.T) {
	found, err := filepath.Glob("testdata/*/*/*.records")
	if err != nil || len(found) == 0 {
		t.Fatal(len(found), err)
	}
	for _, path := range found {
		t.Run(strings.TrimPrefix(path, "testdata/"), func(t *testing.T) {
			for _, w := range otherRecords(t, path) {
				t.Error(w)
			}
		})
	}
}

func otherRecords(t *testing.T, path string) (wrong []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := bytes.Cut(text, []byte("\n"))
	var from told
	if err := strict(head, &from); err != nil || from.From == "" {
		t.Fatalf("%v in %s", err, head)
	}
	lines, err := os.ReadFile(strings.TrimSuffix(path, ".records") + ".lines")
	if err != nil {
		t.Fatal(err)
	}
	a := offlineAgent(t, filepath.Join(filepath.Dir(path), "penstock.hcl"), from.Env)
	trials, err := a.Try(agent.Sample{
		Input: from.Input, Path: from.Path, Data: lines,
		Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	var came []agent.Trialed
	for _, trial := range trials {
		if trial.Refused != "" {
			wrong = append(wrong, "refused: "+trial.Refused)
		}
		for _, o := range trial.Out {
			if len(o.Deliver) > 0 { // others no route takes
				came = append(came, o)
			}
		}
	}
	summary, err := os.ReadFile(filepath.Join(filepath.Dir(path), "summary.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(rest) {
		var want toldRecord
		if err := strict(line, &want); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		value, none := want.expected(t)
		same := want.Ours == nil && want.NotTime == ""
		if !strings.Contains(string(summary), want.Because) || same != (want.Because == "") {
			wrong = append(wrong, fmt.Sprintf("the summary does not say %q", want.Because))
		}
		if none {
			continue
		}
		if len(came) == 0 {
			wrong = append(wrong, fmt.Sprintf("did not come: %s", line))
			continue
		}
		for _, w := range want.compare(value, came[0]) {
			wrong = append(wrong, string(line)+w)
		}
		came = came[1:]
	}
	for _, more := range came {
		wrong = append(wrong, fmt.Sprintf("more than was told: %s", more.Record.Value))
	}
	return wrong
}

// expected returns the value that penstock makes, or that it makes no record.
func (want toldRecord) expected(t *testing.T) (value any, none bool) {
	t.Helper()
	if want.Ours == nil {
		return want.Value, false
	}
	if err := json.Unmarshal(want.Ours, &value); err != nil {
		t.Fatal(err)
	}
	return value, value == nil
}

func (want toldRecord) compare(value any, got agent.Trialed) (wrong []string) {
	text, isText := value.(string)
	if same := reflect.DeepEqual(parsedValue(got.Record.Value), value); !same &&
		(!isText || text != string(got.Record.Value)) {
		wrong = append(wrong, fmt.Sprintf("came as %s", got.Record.Value))
	}
	if want.Tag != nil && *want.Tag != got.Tag {
		wrong = append(wrong, "its tag is "+got.Tag)
	}
	for name, text := range want.Headers {
		if is, ok := got.Record.Header(name); !ok || string(is) != text {
			wrong = append(wrong, fmt.Sprintf("its header %s is %q", name, is))
		}
	}
	if topic := came(got, "topic"); want.Topic != "" && topic != want.Topic {
		wrong = append(wrong, "its topic is "+topic)
	}
	if want.NotTime != "" && want.NotTime == got.Record.When().UTC().Format(time.RFC3339Nano) {
		wrong = append(wrong, "its time is that of the tool after all")
	}
	if want.Time == "" {
		return wrong
	}
	at, err := time.Parse(time.RFC3339Nano, want.Time)
	if is := got.Record.When(); err != nil || !at.Equal(is) {
		wrong = append(wrong, "its time is "+is.UTC().Format(time.RFC3339Nano))
	}
	return wrong
}

// came returns what the destinations of a record tell of it.
func came(got agent.Trialed, what string) string {
	for _, d := range got.Deliver {
		for _, pair := range d.Destination {
			if pair[0] == what {
				return pair[1]
			}
		}
	}
	return ""
}

func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// parsedValue returns JSON as what it is, and all else as text.
func parsedValue(value []byte) any {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return string(value)
	}
	return v
}
