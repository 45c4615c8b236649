package dialect_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/buffer/record/template"
)

func subject(value string) dialect.Subject {
	recs := []record.Record{
		{
			Time: time.Date(2026, 11, 28, 23, 30, 0, 5e6, time.UTC).
				UnixNano(),
			Key:   []byte("k"),
			Value: []byte(value),
			Headers: []record.Header{
				{Key: "app", Value: []byte("web")},
				{Key: "k8s.pod", Value: []byte("a-1")},
				{Key: "empty", Value: []byte{}},
			},
		},
	}
	b := record.FromRecords("kube.shop.web", "/var/log/a.log", recs)
	return dialect.Subject{Batch: b, Record: &recs[0]}
}

func TestVariablesOfARecord(t *testing.T) {
	for text, want := range map[string]string{
		`${tag}`:                          "kube.shop.web",
		`${tag[0]}/${tag[1]}`:             "kube/shop",
		`${tag[-1]}`:                      "web",
		`${origin}`:                       "/var/log/a.log",
		`${agent}`:                        "edge-1",
		`${key}`:                          "k",
		`${time}`:                         "2026-11-28T23:30:00.005Z",
		`${strftime("%Y.%m.%d")}`:         "2026.11.28",
		`${strftime("%F", "Asia/Tokyo")}`: "2026-11-29",
		`${header.app}`:                   "web",
		`${header["k8s.pod"]}`:            "a-1",
		`${field.user.id}`:                "7",
		`${field["a.b"]}`:                 "dotted",
		`${field("user.name")}`:           "é",
		`${field("a\\.b")}`:               "dotted",
		`${field.ok}`:                     "true",
		`${field.big}`:                    "12345678901234567890",
		// What is missing, or nothing.
		`${tag[3]}`: "", `${tag[-4]}`: "", `${header.none}`: "", `${header.empty}`: "", `${field.none}`: "", `${field.null}`: "",
		`${field.user}`: "", `${field.nothing}`: "",
	} {
		b, err := dialect.Bind(template.MustParse(text), "edge-1")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := b.Append(
			nil,
			subject(
				`{"user":{"id":7,"name":"é"},"a.b":"dotted","ok":true,"null":null,"big":12345678901234567890,"nothing":""}`,
			),
		)
		if string(got) != want || errors.Is(err, dialect.ErrMissing) != (want == "") ||
			want != "" && err != nil {
			t.Errorf("%s: %q (%v), want %q", text, got, err, want)
		}
	}
}

func TestMisusedVariablesSayWhatToWrite(t *testing.T) {
	for text, want := range map[string]string{
		`${tag["x"]}`: "tag[0]", `${tag[0][1]}`: "arguments", `${origin.x}`: "arguments", `${header}`: "header.app", `${field}`: "field.app",
		`${strftime}`: "strftime(", `${strftime("%Q")}`: "%Q", `${strftime("%F", "Nowhere")}`: "Nowhere", `${tag("x")}`: "no function",
		`${date("2006")}`: "strftime", `${host}`: "tag, tag[N]", `${key[1]}`: "arguments",
	} {
		if _, err := dialect.Bind(template.MustParse(text), ""); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want something about %q", text, err, want)
		}
	}
}

// Where OfBatch holds, no record is needed.
func TestOfBatch(t *testing.T) {
	for text, want := range map[string]bool{"x-${tag[1]}-${agent}-${origin}": true, "${tag}": true, "x": true, "${key}": false, "${strftime(\"%F\")}": false, "${header.a}": false} {
		tm := template.MustParse(text)
		if got := dialect.OfBatch(tm); got != want {
			t.Errorf("%s: %v", text, got)
		}
		if !want {
			continue
		}
		b, err := dialect.Bind(tm, "a")
		if err != nil {
			t.Fatal(err)
		}
		s := subject("")
		s.Record = nil
		if _, err := b.Append(nil, s); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
