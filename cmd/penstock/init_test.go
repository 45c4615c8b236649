package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/starter"
)

// Every combination of answers makes a configuration that validates and is in its usual form.
func TestInitMakesValidConfigurations(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{
		"KAFKA_PASSWORD", "SHARED_KEY", "HTTP_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
	} {
		t.Setenv(name, "any value")
	}
	questions := starter.Questions("data")
	choices := map[string][]string{}
	for _, q := range questions {
		choices[q.Flag] = q.Choices
	}
	value := map[string]string{
		"path": "/var/log/{a,b}/*.log, /var/log/${x}.log", "brokers": "kafka-1:9092,kafka-2:9092",
		"topic": "app-logs", "server": "tron-1:24224,tron-2:24224", "bucket": "acme",
		"to-brokers": "other-1:9092", "to-topic": "${tag}",
		"directory": "lake", "region": "eu-central-1", "endpoint": "http://127.0.0.1:9000",
		"listen": "127.0.0.1:15140",
	}
	n := 0
	for _, from := range choices["from"] {
		for _, to := range choices["to"] {
			for _, failover := range choices["failover"] {
				args := []string{"init", fmt.Sprintf("%s-%s-%s.hcl", from, to, failover)}
				a := starter.Answers{"from": from, "to": to, "failover": failover}
				if (to != "kafka" && to != "forward" || from == "kafka") && failover != "none" {
					continue
				} else if failover == "none" {
					delete(a, "failover")
				}
				for {
					q, open := starter.Next(questions, a)
					if !open {
						break
					}
					if a[q.Flag] = value[q.Flag]; q.Flag == "failover" {
						a[q.Flag] = failover
					}
				}
				if n%2 == 0 { // and those that are not asked
					for _, flag := range []string{"region", "endpoint"} {
						if to == "s3" || failover == "s3" {
							a[flag] = value[flag]
						}
					}
					if from == "forward" || from == "http" || from == "syslog" {
						a["listen"] = value["listen"]
					}
				}
				for flag, v := range a {
					args = append(args, "--"+flag, v)
				}
				args = append(args, "--data-dir", "data")
				var out, errs bytes.Buffer
				if run(args, &out, &errs) != exitOK {
					t.Fatalf("%s: %s", args, errs.String())
				}
				for _, then := range []string{"validate", "fmt -check"} {
					errs.Reset()
					if run(append(strings.Fields(then), args[1]), io.Discard, &errs) != exitOK {
						text, _ := os.ReadFile(args[1])
						t.Errorf("%s: %s %s\n%s", args, then, errs.String(), text)
					}
				}
				if !strings.Contains(out.String(), "penstock validate --online "+args[1]) ||
					!strings.Contains(out.String(), "penstock run "+args[1]) {
					t.Errorf("it does not say how to go on:\n%s", out.String())
				}
				checkComments(t, args[1])
				n++
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d combinations", n)
	}
}

var commented = regexp.MustCompile(
	`(?m)^( *)# ( *(?:[a-z_]+ +=|[a-z_]+ (?:"[^"]*" )*\{|\}).*)$`,
)

// checkComments uncomments all that is proposed in comments: it must be right but for files that
// are not there.
func checkComments(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = commented.ReplaceAll(text, []byte("$1$2"))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	run([]string{"validate", file}, io.Discard, &errs)
	for line := range strings.Lines(errs.String()) {
		if strings.Contains(line, " error: ") && !strings.Contains(line, "no such file") {
			t.Errorf("what %s proposes is wrong: %s%s", file, line, text)
		}
	}
}

func TestInitSaysWhatIsMissing(t *testing.T) {
	t.Chdir(t.TempDir())
	for line, want := range map[string]string{
		"init":                                                              "not said: --from (tail, forward,",
		"init --from tail --to kafka":                                       "not said: --path, --brokers, --topic",
		"init --from forward --to s3":                                       "not said: --bucket\n",
		"init --from files --to kafka":                                      `--from "files": write one of tail,`,
		"init --from journald --to x":                                       `--to "x": write one of kafka,`,
		"init --from journald --to stdout --bucket b":                       "--bucket has no meaning from journald to stdout",
		"init --from kafka --to kafka --brokers b --topic t":                "not said: --to-brokers",
		"init --from kafka --to kafka --brokers b --topic t --to-brokers b": "it would read what it writes: t of b is both",
		"init --from journald --to kafka --brokers http://b --topic t":      "is not host:port",
	} {
		var errs bytes.Buffer
		if code := run(strings.Fields(line), io.Discard, &errs); code != exitConfig ||
			!strings.Contains(errs.String(), want) {
			t.Errorf("penstock %s: exit code %d, %s", line, code, errs.String())
		}
	}
	if files, _ := os.ReadDir("."); len(files) > 0 {
		t.Errorf("it wrote %v", files)
	}
}

func TestInitWritesOverNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("penstock.hcl", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := strings.Fields("init --from journald --to stdout --data-dir data")
	var errs bytes.Buffer
	if code := run(args, io.Discard, &errs); code != exitConfig ||
		!strings.Contains(errs.String(), "give --force") {
		t.Errorf("exit code %d, %s", code, errs.String())
	}
	if text, _ := os.ReadFile("penstock.hcl"); string(text) != "mine" {
		t.Errorf("it wrote over a file")
	}
	if code := run(append(args, "--force"), io.Discard, &errs); code != exitOK {
		t.Errorf("exit code %d, %s", code, errs.String())
	}
	var out bytes.Buffer
	if run(append(args, "-"), &out, io.Discard) != exitOK ||
		!strings.Contains(out.String(), "\npipeline \"main\" {") {
		t.Errorf("- gives %s", out.String())
	}
}

// On a terminal what the flags leave open is asked for: by word or number, until it is answered.
func TestInitAsks(t *testing.T) {
	t.Parallel()
	questions := starter.Questions("data")
	a := starter.Answers{"topic": "app"}
	var out bytes.Buffer
	in := strings.NewReader("nowhere\n1\n\n/var/log/*.log\nkafka\nk:9092\n\n")
	if err := ask(bufio.NewScanner(in), &out, questions, a); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "  1  tail      Follows files,") ||
		!strings.Contains(out.String(), "  1  none   They wait in the buffer") {
		t.Errorf("choices are not explained:\n%s", out.String())
	}
	want := starter.Answers{
		"topic": "app", "from": "tail", "path": "/var/log/*.log", "to": "kafka",
		"brokers": "k:9092", "failover": "none",
	}
	if fmt.Sprint(a) != fmt.Sprint(want) {
		t.Errorf("got %v\n%s", a, out.String())
	}
	short := bufio.NewScanner(strings.NewReader("1\n"))
	if err := ask(short, io.Discard, questions, starter.Answers{}); err == nil {
		t.Error("answers that end are enough")
	}
}

// Who answers one question wrongly need not answer the others again.
func TestInitAsksAgain(t *testing.T) {
	t.Parallel()
	questions := starter.Questions("data")
	answers := "1\n/var/log/*.log\nkafka\nk:9092\na topic\nnone\n" + "\n\n\n\ntopic\n\n"
	var out bytes.Buffer
	text, err := askUntilValid(
		strings.NewReader(answers), &out, "mine.hcl", questions, starter.Answers{},
	)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{`"/var/log/*.log"`, `"k:9092"`, `= "topic"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
	for _, want := range []string{`mine.hcl:22:`, `"a topic" is no topic name`, "[a topic] > "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %s:\n%s", want, out.String())
		}
	}
	// What is answered alike is not asked for ever, nor what only a flag can mend.
	same := strings.NewReader("1\nx.log\nkafka\nhttp://k\nt\nnone\n" + "\n\n\n\n\n\n")
	if _, err := askUntilValid(same, io.Discard, "f", questions, starter.Answers{}); err == nil {
		t.Error("a broker that is a URL makes a configuration")
	}
}
