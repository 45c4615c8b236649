package admin

import (
	"fmt"
	"html/template"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// page is compiled once, and never changed.
var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"size":    size,
	"count":   count,
	"ago":     func(t time.Time) string { return duration(time.Since(t)) },
	"dur":     duration,
	"percent": func(f float64) string { return fmt.Sprintf("%.0f %%", f*100) },
	"sorted": func(m map[string]float64) []string {
		var out []string
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if m[k] != 0 {
				out = append(out, k+" "+figure(k, m[k], time.Now()))
			}
		}
		return out
	},
}).Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>penstock {{.Agent}}</title><style>
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em;color:#222;background:#fff}
h1{font-size:1.4em}h2{font-size:1.15em;margin:1.6em 0 .3em}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3em .8em .3em 0;border-bottom:1px solid #ddd;vertical-align:top}
th{font-weight:600;color:#555}.n{text-align:right;font-variant-numeric:tabular-nums}
.ok{color:#176b2c}.bad{color:#b00020}.dim{color:#666;font-size:.88em}
@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}td,th{border-color:#333}.ok{color:#6c6}.bad{color:#f77}.dim,th{color:#999}a{color:#8bf}}
</style></head><body>
<h1>penstock <b>{{.Agent}}</b> {{if .Ready}}<span class="ok">ready</span>{{else}}<span class="bad">not ready</span>{{end}}</h1>
<p>Version {{.Version}}, up {{ago .Started}}, {{size .Memory}} of memory.
{{if not .Reload.Time.IsZero}}Last reload {{ago .Reload.Time}} ago{{if .Reload.Error}} <span class="bad">refused: {{.Reload.Error}}</span>{{end}}.{{end}}
<a href="/metrics">metrics</a> <a href="/api/status">status as JSON</a> <a href="/readyz">readyz</a> {{if .Pprof}}<a href="/debug/pprof/">profiles</a>{{end}}</p>
<p><b>{{.Sentence}}</b></p>
{{range .Reasons}}<p class="bad">{{.}}</p>{{end}}
{{range .Pipelines}}
<h2>{{.Name}} <span class="{{if eq .State "running"}}ok{{else}}bad{{end}}">{{.State}}</span> <a class="dim" href="/tap?pipeline={{.Name}}&amp;n=20">tap</a></h2>
{{if .Error}}<p class="bad">{{.Error}}</p>{{end}}
{{with .Buffer}}<p>Buffer: {{size .Bytes}} in {{.Segments}} segments, <span class="{{if ge .Fill 0.8}}bad{{end}}">{{percent .Fill}} full</span>,
oldest waiting {{dur .OldestAge}}, records {{.First}} to {{.End}}.
{{if .Spill}}{{if .Memory}}Lines of files go through memory{{else}}Lines of files go to disk until the outputs have caught up{{end}}, {{size .WindowBytes}} ({{percent .WindowFill}}) of the window in use{{if .LastSpill}}; last spill {{ago .LastSpillAt}} ago: {{.LastSpill}}{{end}}.{{end}}
{{if .Blocked}}<span class="bad">Inputs wait for room.</span>{{end}} {{if .WriteError}}<span class="bad">It cannot be written: {{.WriteError}}.</span>{{end}}</p>{{end}}
{{range .Forlorn}}<p class="bad">The buffer keeps data for {{.}}, which is not configured any more.</p>{{end}}
<table><tr><th>component</th><th>state</th><th class="n">records</th><th class="n">bytes</th><th class="n">lag</th><th>conditions</th></tr>
{{range .Inputs}}{{template "component" .}}{{end}}{{range .Outputs}}{{template "component" .}}{{end}}</table>
{{end}}</body></html>
{{define "component"}}<tr><td>{{.ID}}</td><td><span class="{{if eq .State "waiting"}}bad{{else}}ok{{end}}">{{.State}}</span></td>
<td class="n">{{count .Records}}</td><td class="n">{{size .Bytes}}</td><td class="n">{{if .Lag}}{{.Lag}}{{end}}</td>
<td class="dim">{{if .Failing}}<span class="bad">failing for {{ago .FailingSince}}: {{.Failing}}</span><br>{{end}}
{{if .DeadLetter}}<span class="bad">the dead letter cannot be written: {{.DeadLetter}}</span><br>{{end}}
{{with .Overflow}}<b>{{.State}}</b>{{if .Objects}}, {{.Objects}} objects ({{size .Bytes}}) wait{{if not .Oldest.IsZero}}, the oldest record {{ago .Oldest}} old{{end}}{{end}}{{if .Error}} <span class="bad">{{.Error}}</span>{{end}}<br>{{end}}
{{range sorted .Conditions}}{{.}}<br>{{end}}{{if .Error}}<span class="bad">last failure: {{.Error}}</span><br>{{end}}
{{with .Said}}{{.Level}} {{ago .Time}} ago: {{.Text}}{{end}}</td></tr>{{end}}`))

// view is what the page is made of.
type view struct {
	Status
	Pprof bool
}

func writePage(w http.ResponseWriter, v view, log *slog.Logger) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := page.Execute(w, v); err != nil {
		log.Debug("writing the status page", "error", err)
	}
}

func size(v any) string {
	var n float64
	switch v := v.(type) {
	case int64:
		n = float64(v)
	case float64:
		n = v
	}
	for _, unit := range []string{"B", "KiB", "MiB", "GiB", "TiB"} {
		if n < 1024 || unit == "TiB" {
			if n == float64(int64(n)) || unit == "B" {
				return fmt.Sprintf("%.0f %s", n, unit)
			}
			return fmt.Sprintf("%.1f %s", n, unit)
		}
		n /= 1024
	}
	return ""
}

// figure shows the value of a metric by the unit that its name ends in.
func figure(name string, v float64, now time.Time) string {
	name, _, _ = strings.Cut(name, "{")
	name = strings.TrimSuffix(name, "_total")
	switch {
	case strings.HasSuffix(name, "_timestamp_seconds"):
		return duration(now.Sub(time.UnixMilli(int64(v*1e3)))) + " ago"
	case strings.HasSuffix(name, "_bytes"):
		return size(v)
	case strings.HasSuffix(name, "_seconds"):
		return duration(time.Duration(v * 1e9))
	}
	return count(v)
}

func count(n float64) string {
	if n == float64(int64(n)) {
		return fmt.Sprintf("%d", int64(n))
	}
	return fmt.Sprintf("%.3g", n)
}

func duration(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < 48*time.Hour:
		return d.Round(time.Minute).String()
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
