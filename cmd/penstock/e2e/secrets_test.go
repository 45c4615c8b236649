package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
)

// secretsConfig has a secret in every attribute that can hold one: PLANT becomes another secret
// each time. HERE answers nothing but 500, GONE is a port at which nobody listens.
const secretsConfig = `
agent {
  data_dir         = "DIR/data"
  shutdown_timeout = "1s"
  admin {
    listen     = "ADMIN"
    token      = "PLANT"
    read_token = "PLANT"
    anonymous  = "read"
  }
  log { level = "debug" }
}
input "tail" "app" { paths = ["DIR/*.log"] }
input "http" "in" {
  listen = "127.0.0.1:0"
  auth {
    tokens = ["PLANT"]
    user "u" { password = "PLANT" }
  }
}
input "forward" "in" {
  listen = "127.0.0.1:0"
  security {
    shared_key = "PLANT"
    user "u" { password = "PLANT" }
    client {
      network    = "127.0.0.1/32"
      shared_key = "PLANT"
    }
  }
}
input "kafka" "in" {
  brokers = ["GONE"]
  topics  = ["t"]
  group   = "g"
  sasl {
    mechanism = "OAUTHBEARER"
    oauth {
      token_url     = "http://PLANT:PLANT@HERE/token?token=PLANT"
      client_id     = "c"
      client_secret = "PLANT"
    }
  }
}
output "http" "a" {
  url     = "http://HERE/in?PLANT"
  headers = { "X-Key" = "PLANT" }
  token   = "PLANT"
}
output "http" "b" {
  url      = "http://GONE/in?token=PLANT&x=PLANT"
  user     = "u"
  password = "PLANT"
}
output "elasticsearch" "a" {
  urls     = ["http://HERE/?k=PLANT", "http://GONE/es?PLANT"]
  user     = "u"
  password = "PLANT"
}
output "elasticsearch" "b" {
  urls    = ["http://GONE"]
  api_key = "PLANT"
}
output "forward" "a" {
  shared_key = "PLANT"
  user       = "u"
  password   = "PLANT"
  server "one" {
    address    = "GONE"
    shared_key = "PLANT"
    user       = "u"
    password   = "PLANT"
  }
}
output "kafka" "a" {
  brokers = ["GONE"]
  topic   = "t"
  sasl {
    mechanism = "SCRAM-SHA-256"
    username  = "u"
    password  = "PLANT"
  }
}
output "kafka" "b" {
  brokers = ["GONE"]
  topic   = "t"
  sasl {
    mechanism = "OAUTHBEARER"
    oauth { token = "PLANT" }
  }
}
output "kafka" "c" {
  brokers = ["GONE"]
  topic   = "t"
  sasl {
    mechanism = "AWS_MSK_IAM"
    aws {
      region            = "eu-west-1"
      access_key_id     = "id"
      secret_access_key = "PLANT"
      session_token     = "PLANT"
    }
  }
}
output "s3" "a" {
  bucket            = "b"
  endpoint          = "http://PLANT:PLANT@HERE"
  access_key_id     = "id"
  secret_access_key = "PLANT"
  session_token     = "PLANT"
  path              = "x"
  file_name         = "${log}-${start}"
  roll { idle = "100ms" }
}
output "gcs" "a" {
  bucket    = "b"
  endpoint  = "http://PLANT:PLANT@HERE?token=PLANT"
  path      = "x"
  file_name = "${log}-${start}"
  roll { idle = "100ms" }
}
output "local" "a" {
  directory = "DIR/lake"
  decode "avro" {
    registry {
      urls     = ["http://PLANT:PLANT@HERE/r?token=PLANT", "http://GONE?PLANT"]
      username = "u"
      password = "PLANT"
    }
  }
  success {
    location = "s3://PLANT:PLANT@b/?token=PLANT"
    hook "webhook" {
      url     = "http://HERE/hook?token=PLANT"
      headers = { Authorization = "PLANT" }
    }
    hook "trino" {
      url      = "http://PLANT:PLANT@HERE?token=PLANT"
      catalog  = "c"
      database = "d"
      table    = "t"
      password = "PLANT"
    }
    hook "command" { command = ["true", "--token", "PLANT", "--password=PLANT PLANT"] }
    hook "glue" {
      region   = "eu-west-1"
      database = "d"
      table    = "t"
      endpoint = "http://HERE/glue?token=PLANT"
    }
  }
}
output "local" "b" {
  directory = "DIR/lake2"
  decode "avro" {
    registry {
      urls  = ["http://GONE"]
      token = "PLANT"
    }
  }
  roll { idle = "100ms" }
}
pipeline "edge" {
  from = [input.tail.app, input.http.in, input.forward.in]
  to   = [output.http.a, output.http.b, output.elasticsearch.a, output.elasticsearch.b, output.forward.a, output.kafka.a, output.kafka.b, output.kafka.c, output.s3.a, output.gcs.a, output.local.b]
}
pipeline "lake" {
  from = [input.kafka.in]
  to   = [output.local.a]
}
`

// secretAttributes finds, in the help of a component, the attributes that hold secrets, or URLs in
// which people put some.
var secretAttributes = regexp.MustCompile(
	`(?m)^ *(\w+)  \(.*secret\)$|^ *(\w*(?:url|urls|endpoint|location))  \(`,
)

// secretsElsewhere is what a configuration has of secrets that no attribute is known to hold.
const secretsElsewhere = `
# once it was PLANT // PLANT
/* PLANT
   PLANT */
variable "given" { default = "PLANT" }
variable "pin" {
  default   = "PLANT"
  sensitive = true
}
locals {
  preset   = env("NO_SUCH_VARIABLE", "PLANT")
  half     = "PLANT"
  whole    = "${local.half}-${env("OF_ENVIRONMENT")}-${file("DIR/planted.txt")}"
  password = "PLANT"
  nested   = { api_key = "PLANT", list = ["--token", "PLANT"] } # PLANT
  url      = "https://PLANT:PLANT${local.preset}@h/x?PLANT&a=PLANT 'PLANT#PLANT"
  dsn      = "host=db password=PLANT user=u"
  header   = "Authorization: Bearer PLANT"
  pem      = <<-EOT
    -----BEGIN RSA PRIVATE KEY-----
    PLANT # PLANT
    EOT
}
input "exec" "shell" {
  command  = ["sh", "-c", "true --password PLANT; true || mysql -u root -pPLANT"]
  interval = "1h"
}
input "exec" "probe" {
  command  = ["true", "--password", "PLANT", "http://PLANT@h/", "u:PLANT@h", "mysql", "-pPLANT"] // PLANT
  env      = { ANY = "PLANT" }
  interval = "1h"
}
output "http" "c" {
  url     = "http://GONE/?x=${local.half}"
  token   = local.whole
  headers = {
    # PLANT
    "X-A" = env("NO_SUCH_VARIABLE", "PLANT")
    "X-B" = <<EOT
PLANT
EOT
  }
}
pipeline "probe" {
  from = [input.exec.probe, input.exec.shell]
  to   = [output.http.c]
}
`

func TestSecretsShowNowhere(t *testing.T) {
	parallel(t)
	for _, subject := range []string{
		"input.http", "input.forward", "input.kafka", "output.http", "output.elasticsearch", "output.forward", "output.kafka", "output.s3", "output.gcs",
	} {
		help, err := exec.Command(binary, "help", subject).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range secretAttributes.FindAllStringSubmatch(string(help), -1) {
			if !regexp.MustCompile(`(?m)\b` + m[1] + m[2] + ` *=.*PLANT`).
				MatchString(secretsConfig) {
				t.Errorf("no secret is planted in %s of %s", m[1]+m[2], subject)
			}
		}
	}
	srv := httptest.NewServer(
		http.HandlerFunc(
			func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		),
	)
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	planted := 0
	text := strings.NewReplacer("DIR", dir, "HERE", srv.Listener.Addr().String(), "GONE", servers.FreeAddr(t)).
		Replace(secretsConfig + secretsElsewhere)
	text = regexp.MustCompile("PLANT").ReplaceAllStringFunc(text, func(string) string {
		planted++
		return fmt.Sprintf("sEcReT-%d-planted", planted)
	})
	shown := regexp.MustCompile(`sEcReT-\d+`)
	check := func(where, text string) {
		t.Helper()
		for _, line := range strings.Split(text, "\n") {
			if shown.MatchString(line) {
				t.Errorf("%s shows a secret: %.400s", where, line)
			}
		}
	}
	// What is said of mistakes in these very attributes.
	broken := filepath.Join(dir, "broken.hcl")
	wrong := strings.NewReplacer("http://", "ftp://", "s3://", "://", "topic   = \"t\"", "topik = \"t\"").
		Replace(strings.ReplaceAll(text, "ADMIN", "127.0.0.1:0"))
	for _, config := range []string{wrong, wrong + "\n}", strings.ReplaceAll(wrong, "token ", "tokn ")} {
		if err := os.WriteFile(broken, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(binary, "validate", broken).CombinedOutput()
		if err == nil {
			t.Fatal("validate took a broken configuration")
		}
		check("validate", string(out))
	}

	ag := newAgent(t, "edge", text)
	ag.env = []string{"OF_ENVIRONMENT=sEcReT-10001-planted"}
	if err := os.WriteFile(
		filepath.Join(dir, "planted.txt"), []byte("sEcReT-10002-planted\n"), 0o600,
	); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.log"), []byte("{\"a\":1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ag.start()
	failing := []string{
		"output.http.a",
		"output.http.b",
		"output.elasticsearch.a",
		"output.elasticsearch.b",
		"output.forward.a",
		"output.kafka.a",
		"output.s3.a",
		"output.gcs.a",
		"output.local.b",
		"input.kafka.in",
	}
	runtest.Within(t, 40*time.Second, func() bool {
		log, _ := os.ReadFile(ag.logPath)
		for _, id := range failing {
			if !regexp.MustCompile(`"level":"(WARN|ERROR)".*` + regexp.QuoteMeta(id)).Match(log) {
				return false
			}
		}
		return true
	}, func() string { return "not every output has said that it fails:\n" + lastLines(ag.logPath, 30) })
	for _, page := range []string{
		"/", "/config", "/api/config", "/api/status", "/readyz", "/metrics", "/metrics.json",
	} {
		_, body, err := ag.get(page)
		if err != nil {
			t.Fatal(err)
		}
		check(page, body)
		if strings.HasSuffix(page, "config") && strings.Count(body, "(hidden)") < 60 {
			t.Errorf("%s hides little, or is not the configuration: %s", page, body)
		}
	}
	ag.terminate(40 * time.Second)
	log, err := os.ReadFile(ag.logPath)
	if err != nil {
		t.Fatal(err)
	}
	check("the log", string(log))
}
