package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// bom is a software bill of materials, CycloneDX 1.5.
type bom struct {
	Schema       string      `json:"$schema"`
	Format       string      `json:"bomFormat"`
	Spec         string      `json:"specVersion"`
	Serial       string      `json:"serialNumber"`
	Version      int         `json:"version"`
	Metadata     bomMeta     `json:"metadata"`
	Components   []component `json:"components"`
	Dependencies []dependsOn `json:"dependencies"`
}

type bomMeta struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Ref        string     `json:"bom-ref"`
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Purl       string     `json:"purl"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Licences   []licence  `json:"licenses,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licence struct {
	Licence struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependsOn struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

// bill writes what a platform's program is made of.
func (m *making) bill(platform string) error {
	info, err := buildinfo.ReadFile(m.binary(platform))
	if err != nil {
		return err
	}
	sha, err := sum(m.binary(platform))
	if err != nil {
		return err
	}
	modules, err := linked()
	if err != nil {
		return err
	}
	ids := map[string][]string{}
	for _, mod := range modules {
		if ids[mod.path], err = mod.identifiers(); err != nil {
			return err
		}
	}
	graph, err := output("go", "mod", "graph")
	if err != nil {
		return err
	}
	b := billOf(info, m.version, sha, m.made, ids, graph)
	name := "penstock-" + m.version + "-" + strings.ReplaceAll(platform, "/", "-") + ".cdx.json"
	return os.WriteFile(filepath.Join(m.out, name), append(asJSON(b), '\n'), 0o644)
}

func billOf(info *debug.BuildInfo, version, sha string, made time.Time,
	ids map[string][]string, graph string,
) bom {
	main := component{
		Ref: purl(product, version), Type: "application", Name: "penstock", Version: version,
		Purl: purl(product, version), Hashes: []hash{{"SHA-256", sha}}, Licences: licencesOf("Apache-2.0"),
	}
	b := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.5.schema.json", Format: "CycloneDX", Spec: "1.5",
		Serial: serial(sha), Version: 1,
		Metadata: bomMeta{Timestamp: made.Format(time.RFC3339), Component: main},
	}
	library := func(name, version string) component {
		return component{
			Ref: purl(name, version), Type: "library", Name: name, Version: version,
			Purl: purl(name, version), Licences: licencesOf(ids[name]...),
		}
	}
	std := library("std", strings.TrimPrefix(info.GoVersion, "go"))
	std.Licences = licencesOf("BSD-3-Clause")
	b.Components = append(b.Components, std)
	refs := map[string]string{product: main.Ref} // by path
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		c := library(dep.Path, dep.Version)
		if dep.Sum != "" {
			c.Properties = []property{{"go:sum", dep.Sum}}
		}
		refs[dep.Path] = c.Ref
		b.Components = append(b.Components, c)
	}
	b.Dependencies = dependencies(refs, graph)
	return b
}

// dependencies reads the graph of modules, of which the program has those in refs, each once.
func dependencies(refs map[string]string, graph string) []dependsOn {
	on := map[string]map[string]bool{}
	for _, ref := range refs {
		on[ref] = map[string]bool{}
	}
	for line := range strings.SplitSeq(graph, "\n") {
		from, to, _ := strings.Cut(line, " ")
		from, _, _ = strings.Cut(from, "@")
		to, _, _ = strings.Cut(to, "@")
		if refs[from] != "" && refs[to] != "" && from != to {
			on[refs[from]][refs[to]] = true
		}
	}
	var all []dependsOn
	for _, ref := range slices.Sorted(maps.Keys(on)) {
		all = append(all, dependsOn{ref, slices.AppendSeq([]string{}, maps.Keys(on[ref]))})
		slices.Sort(all[len(all)-1].On)
	}
	return all
}

func purl(path, version string) string { return "pkg:golang/" + path + "@" + version }

func licencesOf(ids ...string) []licence {
	var all []licence
	for _, id := range ids {
		var l licence
		l.Licence.ID = id
		all = append(all, l)
	}
	return all
}

// serial is a UUID made of what the program is.
func serial(sha string) string {
	s := sha256.Sum256([]byte(sha))
	s[6], s[8] = s[6]&0x0f|0x50, s[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", s[:4], s[4:6], s[6:8], s[8:10], s[10:16])
}
