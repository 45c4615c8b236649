package agent

import (
	"fmt"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/outputs/elasticsearch"
	"github.com/penstock/penstock/outputs/kafka"
	"github.com/penstock/penstock/spool/partition"
)

// Every name that the help lists can be used wherever a template is over records.
func TestOneDialectEverywhere(t *testing.T) {
	t.Parallel()
	for _, name := range dialect.Names() {
		form := strings.NewReplacer("[N]", "[-1]", "PATTERN", "%Y", "NAME", "x", "EXPRESSION", "field.x").Replace(name.Form)
		tm, err := template.Parse("a-${"+form+"}", filter.CompileText)
		if err != nil {
			t.Fatal(err)
		}
		es, k, path := elasticsearch.Default(), kafka.Default(), partition.Default()
		es.URLs, es.Index = []string{"http://es:9200"}, tm
		k.Brokers, k.Topic, k.Key = []string{"k:9092"}, tm, tm
		path.Path = tm
		add := filter.AddFieldsConfig{Fields: map[string]template.Template{"f": tm}}
		_, pathErr := partition.New(path, "a", nil)
		if form == "time" { // each record would be an object
			if pathErr == nil || !strings.Contains(pathErr.Error(), "strftime") {
				t.Errorf("a path with ${time}: %v", pathErr)
			}
			pathErr = nil
		}
		for where, err := range map[string]error{
			"output.elasticsearch index": es.Validate(), "output.kafka topic and key": k.Validate(),
			"path of an archive": pathErr, "filter.add_fields": add.Validate(),
		} {
			if err != nil {
				t.Errorf("%s: %v", where, err)
			}
		}
	}
}

// The examples in the documentation of templates are what a person would write: $${ is a literal.
func TestDocumentedTemplatesAreNoLiterals(t *testing.T) {
	t.Parallel()
	cat := Components().Config()
	var all strings.Builder
	if err := cat.WriteReference(&all, "templates", 100); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"${tag[N]}", "output.kafka\n    topic, key", "filter.add_fields\n    fields", "input.tail\n    tag"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("the help about templates lacks %s", want)
		}
	}
	for _, comp := range Components() {
		var b strings.Builder
		if err := cat.WriteReference(&b, fmt.Sprintf("%s.%s", comp.Kind, comp.Type), 100); err != nil {
			t.Fatal(err)
		}
		if comp.Kind == config.Filter && (comp.Type == "redact" || comp.Type == "replace") {
			continue // its replacement is no template of ours: ${group} is its own
		}
		if i := strings.Index(b.String(), "$${"); i >= 0 {
			t.Errorf("%s.%s: %.60s", comp.Kind, comp.Type, b.String()[i:])
		}
	}
}
