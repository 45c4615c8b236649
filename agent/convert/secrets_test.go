package convert_test

import (
	"fmt"
	"strings"
	"testing"
)

// What is told of a URL does not tell who logs in there, and by what.
func TestNotesAreWithoutPasswords(t *testing.T) {
	for tool, c := range map[string][2]string{
		"promtail": {".yaml", "clients:\n  - url: http://me:hunter2@loki:3100/push\n"},
		"vector": {
			".yaml",
			"sources:\n  in: {type: stdin}\nsinks:\n  out:\n    type: loki\n    inputs: [in]\n" +
				"    endpoint: http://me:hunter2@loki:3100\n    encoding: {codec: json}\n",
		},
		"fluentd": {
			".conf", "<match **>\n  @type loki\n  url http://me:hunter2@loki:3100\n</match>\n",
		},
		"logstash": {
			".conf",
			"input { stdin {} }\noutput { solr_http { solr_url => \"http://me:hunter2@solr/x\" } }\n",
		},
	} {
		result := converted(t, tool, c[0], c[1])
		if text := string(result.HCL) + fmt.Sprint(result.Notes); strings.Contains(text, "hunter2") ||
			len(result.Notes) == 0 {
			t.Errorf("%s:\n%s", tool, text)
		}
	}
}
