package config

import (
	"strings"
	"testing"
	"time"
)

func TestWhereCountsArePublishedIsChecked(t *testing.T) {
	for _, c := range []struct{ to, topic, wrong string }{
		{"output.s3.counts", "", ""},
		{"output.kafka.events", "penstock-audit", ""},
		{"output.kafka.events", "", "audit.topic: must be given"},
		{"output.kafka.events", "no topic", "is no topic name"},
		{"output.s3.counts", "penstock-audit", "has no meaning with output.s3.counts"},
	} {
		var a Audit
		a.SetDefaults()
		a.To, a.Topic = c.to, c.topic
		var said []string
		for _, err := range a.check() {
			said = append(said, err.Error())
		}
		text := strings.Join(said, "; ")
		if c.wrong == "" && text != "" || !strings.Contains(text, c.wrong) {
			t.Errorf("%s, %q: %q, want %q", c.to, c.topic, text, c.wrong)
		}
	}
	a := Audit{To: "output.s3.counts", Prefix: "a//b", Interval: time.Millisecond}
	if got := len(a.check()); got != 3 { // interval, keep, prefix
		t.Errorf("%d mistakes: %v", got, a.check())
	}
}
