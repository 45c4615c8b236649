package agent

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

func TestRoutesByConditions(t *testing.T) {
	t.Parallel()
	w := newWorld()
	startAgent(t, w, t.TempDir(), `
input "fake" "a" { name = "a" }
output "fake" "all" { name = "all" }
output "fake" "errors" { name = "errors" }
output "fake" "web" { name = "web" }
output "fake" "rest" { name = "rest" }
filter "grep" "noise" { exclude = ["noise"] }
pipeline "p" {
  from   = [input.fake.a]
  filter = [filter.grep.noise]
  to     = [output.fake.all]
  route {
    if = "value contains 'error'"
    to = [output.fake.errors]
  }
  route {
    match = ["web.**"]
    if    = "value contains 'slow' or tag[1] == 'all'"
    to    = [output.fake.web, output.fake.errors]
  }
  otherwise = [output.fake.rest]
}`)
	w.send(t, "a", "web.x", "1", "2 slow", "3 error", "noise error")
	w.send(t, "a", "db", "4 error", "5 slow", "6")
	w.send(t, "a", "web.all", "7", "8 error slow")
	w.await(t, "all", func() bool {
		return len(w.got["all"]) == 8 && len(w.got["errors"]) == 5 && len(w.got["web"]) == 3 &&
			len(w.got["rest"]) == 3
	})
	equal(
		t, "errors", w.delivered("errors"), "web.x/2 slow", "web.x/3 error", "db/4 error",
		"web.all/7", "web.all/8 error slow",
	)
	equal(t, "web", w.delivered("web"), "web.x/2 slow", "web.all/7", "web.all/8 error slow")
	equal(t, "rest", w.delivered("rest"), "web.x/1", "db/5 slow", "db/6")
}

func TestRecordsThatNoConditionTakesAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), `
input "fake" "a" { name = "a" }
output "fake" "x" { name = "x" }
output "fake" "y" { name = "y" }
pipeline "p" {
  from = [input.fake.a]
  route {
    match = ["t"]
    if    = "value == 'x'"
    to    = [output.fake.x]
  }
  route {
    match = ["t", "u"]
    if    = "value == 'y'"
    to    = [output.fake.y]
  }
}`)
	w.send(t, "a", "t", "x", "y", "z")
	w.send(t, "a", "u", "x", "y")
	w.await(t, "both", func() bool { return len(w.got["x"]) == 1 && len(w.got["y"]) == 2 })
	count := func() (n float64) {
		families, err := r.registries.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "penstock_route_unrouted_records_total" {
				for _, m := range f.GetMetric() {
					n += m.GetCounter().GetValue()
				}
			}
		}
		return n
	}
	runtest.Until(t, "the count", func() bool { return count() == 2 })
}

// Filters work in the order in which they are written, wherever they stand.
func TestInlineFiltersInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := startAgent(t, w, t.TempDir(), `
input "fake" "a" { name = "a" }
output "fake" "x" { name = "x" }
filter "rename_tag" "b" { to = "${tag}.b" }
pipeline "p" {
  from = [input.fake.a]
  filter "rename_tag" { to = "${tag}.a" }
  filter = [filter.rename_tag.b]
  filter "grep" { exclude = ["noise"] }
  filter "rename_tag" {
    to = "${tag}.c"
    if = "tag startsWith 't.'"
  }
  to = [output.fake.x]
}`)
	w.send(t, "a", "t", "1", "noise")
	w.await(t, "x", func() bool { return len(w.got["x"]) == 1 })
	equal(t, "x", w.delivered("x"), "t.a.b.c/1")
	if got := strings.Join(
		r.cur.plans[0].spec.Filter, " ",
	); got != "filter.rename_tag.p.1 filter.rename_tag.b filter.grep.p.2 filter.rename_tag.p.3" {
		t.Error(got)
	}
}

func TestMistakesInInlineFiltersAndRoutes(t *testing.T) {
	t.Parallel()
	_, text := loadReal(t, `
pipeline "q" {
  from = [input.stdin.in]
  filter "pars" { format = "json" }
  filter "parse" "named" { format = "json" }
  filter "parse" { format = "jsn" }
  route {
    if = "fild.a == 1"
    to = [output.stdout.out]
  }
  route {
    to = [output.stdout.out]
  }
}`)
	for _, want := range []string{
		`p.hcl:4`, `no filter of type "pars"`, `p.hcl:5`, "takes its type alone", "p.hcl:6", `Did you mean "json"`, "p.hcl:8", "unknown name fild", "p.hcl:11", "neither match nor if",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}
