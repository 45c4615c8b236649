package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/twmb/franz-go/pkg/kadm"
)

// Apache Kafka's own rights are told before anything runs: what may be written, what may only be
// looked at, what is hidden, and a wrong password.
func TestOnlineTellsTheRightsOfApacheKafka(t *testing.T) {
	parallel(t)
	w := newClusterWorld(t)
	acl := func() *kadm.ACLBuilder {
		return kadm.NewACLs().Allow("User:" + servers.ClusterUser).AllowHosts("*").
			ResourcePatternType(kadm.ACLPatternLiteral)
	}
	err := errors.Join(
		w.create("writable", 1), w.create("readable", 1), w.create("hidden", 1),
	)
	for _, b := range []*kadm.ACLBuilder{
		acl().Topics("writable").Operations(kadm.OpWrite, kadm.OpDescribe),
		acl().Topics("readable").Operations(kadm.OpDescribe),
	} {
		err = errors.Join(err, w.insist("allow", func(ctx context.Context) error {
			_, err := w.adm.CreateACLs(ctx, b)
			return err
		}))
	}
	if err != nil {
		t.Fatal(err)
	}
	const audit = "audit {\n to = output.kafka.k\n topic = %q\n }"
	for _, c := range []struct{ topic, password, audit, want string }{
		{"writable", servers.ClusterPassword, "", `(ok|warning) +output.kafka.k  topic writable: `},
		{"readable", servers.ClusterPassword, "", `failed +output.kafka.k  topic readable: this user may not write it`},
		{"hidden", servers.ClusterPassword, "", `failed +output.kafka.k  topic hidden: `},
		{"writable", servers.ClusterPassword, "writable", `(ok|warning) +agent.audit +topic writable: `},
		{"writable", servers.ClusterPassword, "readable", `failed +agent.audit +topic readable: this user may not write it`},
		{"writable", servers.ClusterPassword, "hidden", `failed +agent.audit +topic hidden: `},
		{"writable", "another", "", `failed +output.kafka.k  broker .*: `},
	} {
		dir, published := t.TempDir(), ""
		if c.audit != "" {
			published = fmt.Sprintf(audit, c.audit)
		}
		file := filepath.Join(dir, "penstock.hcl")
		text := fmt.Sprintf(`
agent {
  data_dir = "%s/data"
  admin { listen = "" }
  %s
}
input "stdin" "in" {}
output "kafka" "k" {
  brokers = ["%s"]
  topic   = %q
  sasl {
    mechanism = "PLAIN"
    username  = %q
    password  = %q
  }
}
pipeline "p" {
  from = [input.stdin.in]
  to   = [output.kafka.k]
}
`, dir, published, strings.Join(w.c.SecuredAddrs(), `", "`), c.topic, servers.ClusterUser, c.password)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(
			t.Context(), binary, "validate", "--online", "--timeout", "30s", file,
		).CombinedOutput()
		if !regexp.MustCompile(c.want).Match(out) ||
			(err != nil) != strings.HasPrefix(c.want, "failed") {
			t.Errorf("%s with %s: %v, not %s:\n%s", c.topic, c.password, err, c.want, out)
		}
		if strings.Contains(string(out), c.password) {
			t.Errorf("the password is printed:\n%s", out)
		}
	}
}
