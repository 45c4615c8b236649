package agent

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/network/certtest"
)

// withFile is, by the path of an attribute that names a file, what a component with it has besides
// what it needs: CERT and KEY are files that are good, FILE is the one that is looked at.
var withFile = map[string]string{
	"tls.ca_file":              "tls {\n ca_file = \"FILE\"\n}",
	"tls.cert_file":            "tls {\n cert_file = \"FILE\"\n key_file = \"KEY\"\n}",
	"tls.key_file":             "tls {\n cert_file = \"CERT\"\n key_file = \"FILE\"\n}",
	"tls.client_ca_file":       "tls {\n cert_file = \"CERT\"\n key_file = \"KEY\"\n client_ca_file = \"FILE\"\n}",
	"kubernetes.tls.ca_file":   kubernetesTLS("ca_file = \"FILE\""),
	"kubernetes.tls.cert_file": kubernetesTLS("cert_file = \"FILE\"\n key_file = \"KEY\""),
	"kubernetes.tls.key_file":  kubernetesTLS("cert_file = \"CERT\"\n key_file = \"FILE\""),
	"kubernetes.token_file":    "container = true\nkubernetes {\n node = \"n\"\n token_file = \"FILE\"\n}",
	"sasl.oauth.token_file":    "sasl {\n mechanism = \"OAUTHBEARER\"\n oauth { token_file = \"FILE\" }\n}",
	"credentials_file":         "credentials_file = \"FILE\"",
	"ca_file":                  "ca_file = \"FILE\"",
	"profile":                  "profile = \"FILE\"",
	"table":                    "table = \"FILE\"\nkey = \"field.a\"",
	"dir":                      "dir = \"FILE\"",
	"directory":                "directory = \"FILE\"",
	"decode.descriptors":       "decode \"protobuf\" {\n descriptors = \"FILE\"\n message = \"a.B\"\n}",
	"decode.registry.ca_file":  "decode \"avro\" {\n registry {\n urls = [\"https://r\"]\n ca_file = \"FILE\"\n }\n}",
}

func kubernetesTLS(attributes string) string {
	return "container = true\nkubernetes {\n node = \"n\"\n server = \"https://k\"\n tls {\n " +
		attributes + "\n }\n}"
}

// needed is what a component cannot be without.
var needed = map[string]string{
	"input.exec": `command = ["true"]`, "input.tail": `paths = ["/tmp/none/*.log"]`,
	"input.tcp":            `listen = "127.0.0.1:5170"`,
	"input.syslog":         `listen = ["tls://127.0.0.1:6514"]`,
	"input.kafka":          "brokers = [\"k:9092\"]\ntopics = [\"t\"]\ngroup = \"g\"",
	"output.kafka":         "brokers = [\"k:9092\"]\ntopic = \"t\"",
	"output.elasticsearch": `urls = ["https://e:9200"]`, "output.http": `url = "https://h/"`,
	"output.forward": `server "a" { address = "f:24224" }`,
	"output.s3":      `bucket = "b"`, "output.gcs": `bucket = "b"`,
	"output.local": `directory = "DIR/lake"`,
}

// usedLater are files that are looked at when they are used, as they may come to be while the agent
// runs: they are warned of everywhere.
var usedLater = []string{"dir", "directory", "kubernetes.token_file", "sasl.oauth.token_file"}

// neededOffline are files without which it cannot be told what becomes of a record.
var neededOffline = []string{"table", "decode.descriptors", "decode.registry.ca_file", "profile"}

// A file that is not there, or may not be read, is a warning where nothing is started, and a
// mistake where an agent is. One that is no good is a mistake everywhere. That holds for every
// attribute that names one.
func TestFileThatThisMachineLacks(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Components() {
		kind := string(c.Kind) + "." + c.Type
		each := func(path string, tag reflect.StructTag) {
			last := path[strings.LastIndexByte(path, '.')+1:]
			if !strings.HasSuffix(last, "_file") && tag.Get("path") != "read" && path != "profile" ||
				last == "module" { // modules are of another build
				return
			}
			seen[path] = true
			t.Run(kind+"."+path, func(t *testing.T) { fileIsLacking(t, kind, path) })
		}
		eachAttribute(reflect.TypeOf(c.Default()), "", each)
		if c.Common != nil {
			eachAttribute(reflect.TypeOf(c.Common()), "", each)
		}
	}
	for path := range withFile {
		if !seen[path] {
			t.Errorf("no component has %s", path)
		}
	}
	for _, path := range []string{"tls.cert_file", "tls.key_file", "tls.client_ca_file"} {
		t.Run("agent.admin."+path, func(t *testing.T) { fileIsLacking(t, "agent", path) })
	}
}

func eachAttribute(typ reflect.Type, path string, f func(path string, tag reflect.StructTag)) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return
	}
	for i := range typ.NumField() {
		field := typ.Field(i)
		name, kind, _ := strings.Cut(field.Tag.Get("hcl"), ",")
		switch at := strings.TrimPrefix(path+"."+name, "."); {
		case name == "" && field.Anonymous:
			eachAttribute(field.Type, path, f)
		case kind == "block":
			eachAttribute(field.Type, at, f)
		case name != "":
			f(at, field.Tag)
		}
	}
}

func fileIsLacking(t *testing.T, kind, path string) {
	dir := t.TempDir()
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "none"))
	cert, key := certtest.New(t).Issue("localhost")
	file := filepath.Join(dir, "file.csv")
	text := strings.NewReplacer("FILE", file, "CERT", cert, "KEY", key, "DIR", dir).Replace(
		around(t, kind, path),
	)
	hcl := filepath.Join(dir, "penstock.hcl")
	if err := os.WriteFile(hcl, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	look := func(opts config.Options) *config.Report {
		opts.DataDir, opts.Admin = dir, !opts.Unconnected
		_, report := config.Load([]string{hcl}, Components().Config(), opts)
		made, err := New(
			report.ValidSubset(),
			Options{Catalogue: Components(), Log: slog.New(slog.DiscardHandler)},
		)
		if err == nil {
			err = made.Discard()
		}
		if err != nil {
			AddMistakes(report, err)
		}
		return report
	}
	names := func(lines []string) bool {
		return slices.ContainsFunc(lines, func(s string) bool { return strings.Contains(s, file) })
	}
	here, elsewhere := config.Options{}, config.Options{Elsewhere: true}
	if r := look(elsewhere); r.Errors() > 0 || !names(r.Lines(true)) {
		t.Errorf("where nothing is started: %v\n%s", r, text)
	}
	r := look(config.Options{Unconnected: true})
	if needed := slices.Contains(neededOffline, path); needed != names(r.Lines(false)) ||
		!needed && r.Errors() > 0 {
		t.Errorf("where nobody is connected to: %v\n%s", r, text)
	}
	if r := look(here); names(r.Lines(false)) == slices.Contains(usedLater, path) {
		t.Errorf("where an agent is started: %v\n%s", r, text)
	}
	if slices.Contains(usedLater, path) || path == "profile" {
		return
	}
	if err := os.WriteFile(file, []byte(" "), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, opts := range []config.Options{here, elsewhere, {Unconnected: true}} {
		if r := look(opts); r.Errors() == 0 && (kind != "agent" || !opts.Unconnected) {
			t.Errorf("a file that is no good, %+v: %v\n%s", opts, r, text)
		}
	}
	if os.Getuid() == 0 {
		return // who may read everything
	}
	if err := os.Chmod(file, 0); err != nil {
		t.Fatal(err)
	}
	if r := look(elsewhere); r.Errors() > 0 || !names(r.Lines(true)) {
		t.Errorf("a file that may not be read: %v\n%s", r, text)
	}
}

// around returns a configuration whose component has the attribute.
func around(t *testing.T, kind, path string) string {
	t.Helper()
	with, ok := withFile[path]
	if !ok {
		t.Fatalf("there is no configuration with %s", path)
	}
	return configured(kind, with)
}

// configured returns a configuration whose component has attributes besides what it needs.
func configured(kind, with string) string {
	in, out, filter, block := "stdin", "stdout", "", ""
	switch kind, typ, _ := strings.Cut(kind, "."); kind {
	case "agent":
		block = "agent {\n admin {\n" + with + "\n}\n}\n"
	case "input":
		in = typ
	case "output":
		out = typ
	default:
		filter = fmt.Sprintf("filter %q {\n%s\n}", typ, with)
	}
	body := func(of string) string {
		if of != kind {
			return ""
		}
		return needed[of] + "\n" + with + "\n"
	}
	return fmt.Sprintf(
		"%sinput %q \"a\" {\n%s}\noutput %q \"a\" {\n%s}\n"+
			"pipeline \"p\" {\nfrom = [input.%s.a]\nto = [output.%s.a]\n%s\n}\n",
		block, in, body("input."+in), out, body("output."+out), in, out, filter,
	)
}
