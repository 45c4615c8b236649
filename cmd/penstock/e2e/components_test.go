package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
)

// TestComponentsOnRealServers runs the suites of single components that take their server from the
// environment.
func TestComponentsOnRealServers(t *testing.T) {
	parallel(t)
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	suite := func(t *testing.T, env []string, run string, packages ...string) {
		t.Helper()
		args := append(
			[]string{"test", "-count=1", "-timeout", "5m", "-run", run, "-v"},
			packages...)
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, lastPart(out, 8000))
		}
	}
	const module = "github.com/penstock/penstock/"
	t.Run("s3", func(t *testing.T) {
		s, err := servers.NewS3(t.TempDir(), "penstock-test")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		suite(t, []string{
			"PENSTOCK_S3_ENDPOINT=" + s.URL(),
			"PENSTOCK_S3_BUCKET=penstock-test",
			"PENSTOCK_S3_ACCESS_KEY_ID=" + servers.S3AccessKey,
			"PENSTOCK_S3_SECRET_ACCESS_KEY=" + servers.S3SecretKey,
		}, "TestRealServer", module+"outputs/s3")
	})
	t.Run("gcs", func(t *testing.T) {
		g, err := servers.NewGCS(t.TempDir(), "penstock-test")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(g.Close)
		suite(
			t,
			[]string{
				"PENSTOCK_GCS_ENDPOINT=" + strings.TrimSuffix(g.URL(), "/storage/v1/"),
				"PENSTOCK_GCS_BUCKET=penstock-test",
			},
			"TestRealServer",
			module+"outputs/gcs",
		)
	})
	t.Run("kafka", func(t *testing.T) {
		k, err := servers.NewKafka(
			t.TempDir(), "message.max.bytes=300000000", "socket.request.max.bytes=400000000",
		)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(k.Close)
		suite(
			t, []string{"PENSTOCK_KAFKA_BROKERS=" + k.Addr()}, "Real", module+"outputs/kafka",
			module+"inputs/kafka",
		)
	})
}

func lastPart(out []byte, n int) []byte { return out[max(0, len(out)-n):] }
