package config

import (
	"strings"
	"testing"
)

func TestWhereMetricsArePushedIsChecked(t *testing.T) {
	for _, c := range []struct{ to, address, wrong string }{
		{"statsd", "127.0.0.1:8125", ""},
		{"dogstatsd", "unix:///run/datadog.sock", ""},
		{"opentsdb", "tsdb:4242", ""},
		{"opentsdb", "http://tsdb:4242/api/put", ""},
		{"otlp", "https://collector:4318/v1/metrics", ""},
		{"otlp", "collector:4318", "write http://collector:4318/v1/metrics"},
		{"statsd", "http://127.0.0.1:8125", "no host:port"},
		{"statsd", "8125", "no host:port"},
		{"opentsdb", "unix:///run/tsdb.sock", "no path of a socket"},
		{"statsd", "unix://socket", "no path of a socket"},
		{"otlp", "http://user:secret@collector:4318", "write headers"},
		{"otlp", "http://", "no URL"},
	} {
		var m Metrics
		m.SetDefaults()
		m.To, m.Address = c.to, c.address
		var said []string
		for _, err := range m.check() {
			said = append(said, err.Error())
		}
		text := strings.Join(said, "; ")
		if c.wrong == "" && text != "" || !strings.Contains(text, c.wrong) {
			t.Errorf("%s to %s: %q, want %q", c.to, c.address, text, c.wrong)
		}
		if strings.Contains(text, "secret") && c.to == "otlp" && !strings.Contains(text, "headers") {
			t.Errorf("a password is shown: %s", text)
		}
	}
	m := Metrics{To: "statsd", Address: "a:1", Headers: map[string]string{"k": "v"}}
	if got := len(m.check()); got != 3 { // interval, timeout, headers
		t.Errorf("%d mistakes: %v", got, m.check())
	}
}
