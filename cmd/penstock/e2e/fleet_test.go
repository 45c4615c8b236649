package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// What many servers are given is valid, and lies where the unit and the package have it.
func TestFleetConfigurations(t *testing.T) {
	parallel(t)
	read := func(name string, to any) {
		text, err := os.ReadFile(filepath.Join(examplesDir, "fleet", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, to); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	var plays []struct {
		Vars struct {
			Kafka                []string
			Topic, Configuration string
		}
		Tasks []map[string]any
	}
	read("ansible.yml", &plays)
	vars := plays[0].Vars
	playbook := strings.NewReplacer(
		"{{ inventory_hostname }}", "web-1", "{{ kafka | to_json }}", `["`+strings.Join(vars.Kafka, `","`)+`"]`,
		"{{ topic }}", vars.Topic,
	).Replace(vars.Configuration)
	if strings.Contains(playbook, "{{") {
		t.Errorf("a variable is not known here:\n%s", playbook)
	}
	var cloud struct {
		WriteFiles []struct{ Path, Owner, Content string } `yaml:"write_files"`
	}
	read("cloud-init.yaml", &cloud)
	if f := cloud.WriteFiles[0]; f.Path != "/etc/penstock/penstock.hcl" || f.Owner != "root:penstock" {
		t.Errorf("%s of %s", f.Path, f.Owner)
	}
	m := newManifests(t)
	m.configs["ansible.yml"] = map[string]string{"penstock.hcl": playbook}
	m.configs["cloud-init.yaml"] = map[string]string{"penstock.hcl": cloud.WriteFiles[0].Content}
	m.validate()
}
