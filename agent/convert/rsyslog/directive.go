package rsyslog

import (
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// legacy is the file that directives describe.
type legacy struct {
	path, tag          string
	facility, severity string
	at                 draft.Place
}

var harmless = map[string]string{
	"bulkmode":                "requests hold many records",
	"searchtype":              "Elasticsearch has no types any more",
	"reopenontruncate":        "files are watched, truncated ones too",
	"load":                    "inputs and outputs need no modules",
	"mode":                    "files are watched",
	"pollinginterval":         "files are watched; see poll_interval",
	"persiststateinterval":    "positions are stored with what was read",
	"statefile":               "positions are kept below data_dir: see penstock import-positions",
	"workdirectory":           "see agent.data_dir",
	"queue.type":              "the buffer is on disk: see buffer.max_size",
	"queue.size":              "the buffer is on disk: see buffer.max_size",
	"queue.filename":          "the buffer lies below data_dir",
	"queue.maxdiskspace":      "see buffer.max_size",
	"queue.saveonshutdown":    "the buffer is on disk",
	"queue.dequeuebatchsize":  "batches are as large as they come",
	"queue.workerthreads":     "see window.lanes",
	"action.resumeretrycount": "attempts never end",
	"action.resumeinterval":   "see retry",
	"addmetadata":             "see path_header",
	"partitions.auto":         "see partitioner",
	"resubmitonfailure":       "attempts never end",
	"keepfailedmessages":      "what is not delivered stays in the buffer",
	"failedmsgfile":           "what is not delivered stays in the buffer",
	"errorfile":               "see dead_letter",
	"closetimeout":            "see agent.shutdown_timeout",
	"asyncrepl":               "see penstock help output.file",
	"maxlinesatonce":          "files are read side by side",
	"name":                    "components have names of their own",
}

var directives = []string{
	"$workdirectory", "$fileowner", "$filegroup", "$filecreatemode", "$umask", "$privdroptouser",
	"$privdroptogroup", "$dircreatemode", "$inputfilepollinterval", "$inputfilestatefile", "$inputfilepersiststateinterval", "$actionfiledefaulttemplate", "$repeatedmsgreduction",
	"$maxmessagesize", "$actionqueuetype", "$actionqueuefilename", "$actionqueuemaxdiskspace",
	"$actionqueuesaveonshutdown", "$actionresumeretrycount", "$escapecontrolcharactersonreceive",
}

func (c *converter) directive(s statement) {
	name, value, _ := strings.Cut(s.text, " ")
	value = strings.Trim(strings.TrimSpace(value), `"`)
	switch lower := strings.ToLower(name); lower {
	case "$inputfilename":
		c.file.path, c.file.at = value, s.at
	case "$inputfiletag":
		c.file.tag = value
	case "$inputfileseverity":
		c.file.severity = value
	case "$inputfilefacility":
		c.file.facility = value
	case "$modload":
		c.module(&kit.Node{Key: "module", Name: name, At: s.at}, strings.TrimSuffix(value, ".so"))
		c.D.Left(c.Agent, s.at, s.text, harmless["load"])
	case "$inputrunfilemonitor":
		n := &kit.Node{Key: "input", Name: "$InputFileName", At: c.file.at}
		for k, v := range map[string]string{
			"type": "imfile", "file": c.file.path, "tag": c.file.tag,
			"severity": c.file.severity, "facility": c.file.facility,
		} {
			if v != "" {
				n.Kids = append(
					n.Kids, &kit.Node{Key: k, Name: k, Value: v, Scalar: true, At: c.file.at},
				)
			}
		}
		c.input(n)
		c.file = legacy{}
	case "$udpserverrun", "$inputtcpserverrun":
		typ := map[string]string{"$udpserverrun": "imudp", "$inputtcpserverrun": "imtcp"}[lower]
		c.input(&kit.Node{Key: "input", Name: name, At: s.at, Kids: []*kit.Node{
			{
				Key:    "type",
				Name:   "type",
				Value:  typ,
				Scalar: true,
			}, {Key: "port", Name: "port", Value: value, Scalar: true},
		}})
	default:
		if slices.Contains(directives, lower) {
			c.D.Left(c.Agent, s.at, s.text, "penstock needs no such setting, or has it elsewhere")
			return
		}
		c.D.Unknown(c.Agent, s.at, lower, s.text)
	}
}
