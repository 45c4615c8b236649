package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/config"
)

// together are values that go together, in components which cannot be with one of them alone.
var together = []struct{ kind, text string }{
	{"output.s3", "access_key_id = <k>\nsecret_access_key = <s>\nsession_token = <t>"},
	{"output.kafka", "sasl {\n mechanism = \"PLAIN\"\n username = <u>\n password = <p>\n}"},
	{
		"output.kafka",
		"sasl {\n mechanism = \"OAUTHBEARER\"\n oauth {\n token_url = \"https://t/\"\n " +
			"client_id = <c>\n client_secret = <s>\n}\n}",
	},
	{
		"output.kafka",
		"sasl {\n mechanism = \"AWS_MSK_IAM\"\n aws {\n access_key_id = <k>\n " +
			"secret_access_key = <s>\n}\n}",
	},
	{"output.elasticsearch", "user = <u>\npassword = <p>"},
	{"output.http", "user = <u>\npassword = <p>"},
	{"output.forward", "user = <u>\npassword = <p>\nshared_key = <k>"},
	{"input.http", "auth {\n user \"u\" { password = <p> }\n user \"v\" { password = <q> }\n}"},
	{"input.forward", "security {\n shared_key = <k>\n user \"u\" { password = <p> }\n}"},
	{"input.kafka", "sasl {\n mechanism = \"SCRAM-SHA-512\"\n username = <u>\n password = <p>\n}"},
}

// A variable of the environment that is not set here leaves one of two values away that go
// together: that is warned of, and nothing else is, where no agent is started. There it is the one
// mistake.
func TestOneOfTwoValuesIsNotSetHere(t *testing.T) {
	t.Parallel()
	for _, c := range together {
		for i := range 1 + strings.Count(c.text, "<") {
			parts := strings.FieldsFunc(c.text, func(r rune) bool { return r == '<' || r == '>' })
			for j := 1; j < len(parts); j += 2 {
				if parts[j] = `"value"`; j == 2*i-1 {
					parts[j] = `env("NOT_SET")`
				}
			}
			with := strings.Join(parts, "")
			for _, elsewhere := range []bool{true, false} {
				report := looked(t, c.kind, with, elsewhere)
				want := 1
				if i == 0 || elsewhere {
					want = 0
				}
				told := strings.Join(append(report.Lines(true), report.Lines(false)...), "\n")
				if n := strings.Count(told, "NOT_SET is not set"); report.Errors() != want ||
					n != min(i, 1) {
					t.Errorf("elsewhere: %v: want %d errors:\n%s\n%s", elsewhere, want, told, with)
				}
			}
		}
	}
}

func looked(t *testing.T, kind, with string, elsewhere bool) *config.Report {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.hcl")
	text := fmt.Sprintf("agent { data_dir = %q }\n%s", t.TempDir(), configured(kind, with))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, report := config.Load(
		[]string{file}, Components().Config(),
		config.Options{
			Elsewhere: elsewhere, Env: func(string) (string, bool) { return "", false },
		},
	)
	return report
}
