package promtail

import (
	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// Convert reads promtail's files and writes an agent.
func Convert(paths []string, from kit.Reader) (*draft.Draft, error) {
	c := &converter{Conv: kit.New()}
	c.p = c.Pipeline("main")
	var roots []*kit.Node
	for _, path := range paths {
		src, err := from(path)
		if err != nil {
			return nil, err
		}
		root, err := kit.YAML(path, src)
		if err != nil {
			return nil, err
		}
		c.root(root)
		roots = append(roots, root)
	}
	c.p.Finish()
	c.Sweep(harmless, roots...)
	c.D.Environment(nil)
	return c.D, nil
}

type converter struct {
	*kit.Conv
	p      *kit.Pipeline
	jobs   int
	ofPods bool // a job reads the logs of pods
	limits *kit.Node
	*job
}

var harmless = map[string]string{
	"positions.filename":                   "positions are kept below data_dir: see penstock import-positions",
	"positions.sync_period":                "positions are stored with what was read",
	"server.grpc_listen_port":              "there is no gRPC",
	"server.log_level":                     "see agent.log",
	"target_config.sync_period":            "see rescan_interval",
	"file_watch_config.min_poll_frequency": "files are watched",
	"file_watch_config.max_poll_frequency": "files are watched",
	"job_name":                             "the input has a name",
	"ingestion_rate":                       "see filter \"throttle\"",
	"server.http_listen_address":           "see listen of admin, which asks for a token where it is not on loopback",
	"server.log_format":                    "see agent.log",
	"server.graceful_shutdown_timeout":     "see agent.stop_timeout",
	"server.register_instrumentation":      "see /metrics",
	"server.disable":                       "the page is there where admin is written",
	"server.enable_runtime_reload":         "see penstock help run",
	"positions.ignore_invalid_yaml":        "positions are checked",
	"limits_config.readline_rate":          lineRate,
	"limits_config.readline_burst":         lineRate,
	"limits_config.readline_rate_enabled":  lineRate,
	"limits_config.readline_rate_drop":     lineRate,
	"limits_config.max_streams":            "labels make no streams here",
	"tracing.enabled":                      "see agent.trace",
	"decompression.enabled":                "what is compressed is told by its bytes",
	"decompression.format":                 "what is compressed is told by its bytes",
	"decompression.initial_delay":          "a file is read once it is whole",
	"max_partial_lines":                    "parts of lines are put together, up to max_line_size",
	"max_partial_line_size":                "parts of lines are put together, up to max_line_size",
	"max_partial_line_size_truncate":       "parts of lines are put together, up to max_line_size",
	"label_structured_data":                "structured_data is a field",
	"use_rfc5424_message":                  "the message is a field",
	"use_incoming_timestamp":               "records have the time that came with them",
	"drop_counter_reason":                  "what filters discard is counted by their names",
	"pipeline_name":                        "filters have names",
	"version":                              "versions are found out",
	"assignor":                             "see protocol",
	"max_distinct_labels":                  "see max_keys",
}

const lineRate = "see rate_limit of input \"tail\", which is for each file, and loses nothing"

func (c *converter) root(root *kit.Node) {
	if port := root.Take("server.http_listen_port"); port != nil && port.Value != "0" {
		c.Agent.In("admin").Set("listen", draft.Text("127.0.0.1:"+port.Value))
		c.D.Changed(c.Agent.In("admin"), port.At, port.Shown(), "the status page and /metrics, on loopback")
	}
	clients := root.List("clients")
	if one := root.Find("client"); one != nil {
		clients = append(clients, one)
	}
	for _, x := range clients {
		url := x.Text("url")
		c.D.Lost(
			c.p.Notes, x.At, "client "+url,
			"there is no output for Loki: write one, such as output \"kafka\", or output \"forward\" to a fluent-bit that sends to Loki",
		)
		x.Done()
	}
	list := root.Find("scrape_configs")
	if list != nil {
		c.limits = root.Find("limits_config")
		for _, n := range list.Kids {
			if n.Find("kafka") == nil {
				c.jobs++
			}
		}
		for i, n := range list.Kids {
			c.scrape(n, i)
		}
	}
	c.Rest(c.Agent, root, harmless)
}
