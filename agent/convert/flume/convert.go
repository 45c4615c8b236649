package flume

import (
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// Convert reads the properties of Flume agents and writes one agent.
func Convert(paths []string, from kit.Reader) (*draft.Draft, error) {
	agents, err := read(paths, from)
	if err != nil {
		return nil, err
	}
	c := &converter{Conv: kit.New()}
	if len(agents) > 1 {
		var names, pipelines []string
		for _, a := range agents {
			names, pipelines = append(names, a.Key), append(pipelines, a.Key+"_...")
		}
		c.D.Changed(
			c.Agent, draft.Place{}, "agents "+strings.Join(names, ", "),
			"all of them run here, as pipelines "+strings.Join(pipelines, ", ")+
				": take out what other hosts run",
		)
	}
	for _, a := range agents {
		c.agent(a, len(agents))
	}
	c.Sweep(harmless, agents...)
	c.D.Environment(nil)
	return c.D, nil
}

type converter struct {
	*kit.Conv
	a        *kit.Node // the agent
	sources  []*source
	channels map[string]*channel
}

// source is a source that could be carried over.
type source struct {
	name   string
	kind   string // of its input
	input  *draft.Block
	node   *kit.Node
	header []draft.Value // headers that its files have
	files  []string      // conditions of its groups of files
	wider  bool          // its globs match other files, too
}

// channel tells what comes into a channel: by the name of a source, the condition of its selector.
type channel struct {
	node *kit.Node
	from map[string]string
	sink []string

	isTopic bool // that is read where it is
}

// words are the names in a list.
func words(n *kit.Node, name string) []string {
	return strings.FieldsFunc(
		n.Text(name), func(r rune) bool { return r == ' ' || r == ',' || r == '\t' },
	)
}

func (c *converter) agent(a *kit.Node, of int) {
	c.a, c.sources, c.channels = a, nil, map[string]*channel{}
	for _, name := range words(a, "channels") {
		n := a.Find("channels." + name)
		if n == nil {
			n = &kit.Node{Name: a.Name + ".channels." + name, At: a.At}
		}
		c.channels[name] = &channel{node: n, from: map[string]string{}}
	}
	for _, name := range words(a, "sources") {
		c.source(name)
	}
	for _, name := range words(a, "sinks") {
		n := a.Find("sinks." + name)
		if n == nil {
			c.D.Lost(c.Agent, a.At, a.Name+".sinks."+name, "nothing is said of it")
			continue
		}
		ch := n.Text("channel")
		if c.channels[ch] == nil {
			c.Lost(c.Agent, n, "it names no channel that there is")
			continue
		}
		c.channels[ch].sink = append(c.channels[ch].sink, name)
	}
	for _, name := range words(a, "channels") {
		c.channelAsSource(name, c.channels[name])
	}
	prefix := ""
	if of > 1 {
		prefix = a.Key + "_"
	}
	c.pipelines(prefix)
	for _, kind := range []string{"sources", "channels", "sinks", "sinkgroups"} {
		if n := a.Find(kind); n != nil {
			c.Rest(c.Agent, n, harmless)
		}
	}
	c.Rest(c.Agent, a, harmless)
}

// pipelines writes one pipeline for all that is buffered, and one for each source that is Kafka.
func (c *converter) pipelines(prefix string) {
	var buffered []*source
	groups := [][]*source{nil}
	for _, s := range c.sources {
		if s.kind == "kafka" {
			groups = append(groups, []*source{s})
		} else {
			buffered = append(buffered, s)
		}
	}
	groups[0] = buffered
	if buffered == nil && len(groups) > 1 {
		groups = groups[1:]
	}
	all := make([]*kit.Pipeline, len(groups))
	for i, g := range groups {
		name := prefix + "main"
		if len(g) > 0 && g[0].kind == "kafka" {
			name = prefix + g[0].name
		}
		all[i] = c.Pipeline(name)
		for _, s := range g {
			all[i].Inputs = append(all[i].Inputs, s.input)
			c.interceptors(all[i], s, c.Tagged([]string{s.name}, len(g)))
		}
	}
	for _, name := range words(c.a, "channels") {
		ch := c.channels[name]
		if ch == nil {
			continue
		}
		c.channel(ch, all[c.groupOf(ch, groups)])
		outs := c.sinks(name, ch)
		for i, g := range groups {
			for cond, tags := range byCondition(ch, g) {
				for _, out := range outs {
					all[i].Send(kit.And(c.Tagged(tags, len(g)), cond), out)
				}
			}
		}
	}
	for _, s := range c.sources {
		c.Rest(s.input, s.node, harmless)
	}
	for _, p := range all {
		p.Finish()
	}
}

// groupOf returns which pipeline a channel is of.
func (c *converter) groupOf(ch *channel, groups [][]*source) int {
	return max(0, slices.IndexFunc(groups, func(g []*source) bool {
		return slices.ContainsFunc(g, func(s *source) bool { _, ok := ch.from[s.name]; return ok })
	}))
}

// byCondition yields the sources of a channel by the conditions of their selectors, in order.
func byCondition(
	ch *channel, sources []*source,
) func(yield func(cond string, tags []string) bool) {
	return func(yield func(string, []string) bool) {
		var conds []string
		tags := map[string][]string{}
		for _, s := range sources {
			cond, ok := ch.from[s.name]
			if !ok {
				continue
			}
			if !slices.Contains(conds, cond) {
				conds = append(conds, cond)
			}
			tags[cond] = append(tags[cond], s.name)
		}
		for _, cond := range conds {
			if !yield(cond, tags[cond]) {
				return
			}
		}
	}
}

// selector tells which channels get what of a source.
func (c *converter) selector(b *draft.Block, n *kit.Node, name string) {
	channels := words(n, "channels")
	sel := n.Find("selector")
	typ := strings.ToLower(sel.Text("type"))
	switch typ {
	case "", "replicating":
		for _, ch := range channels {
			c.into(n, ch, name, "")
		}
		if x := sel.Take("optional"); x != nil {
			c.Changed(b, x, optional)
		}
	case "multiplexing":
		c.multiplex(b, n, sel, name)
		c.D.Carried(n.At, sel.Name)
	default:
		for _, ch := range channels {
			c.into(n, ch, name, "")
		}
		c.Lost(c.Agent, sel, "a selector that penstock does not know: all channels get all now")
	}
}

// optional is what becomes of channels that may lose events.
const optional = "all outputs get all of theirs, each at its own pace"

func (c *converter) multiplex(b *draft.Block, n, sel *kit.Node, name string) {
	header := sel.Text("header")
	if header == "" {
		header = "flume.selector.header"
	}
	h := c.asked(header, name)
	conds := map[string][]string{} // the values that lead to a channel
	var order, values []string
	if m := sel.Find("mapping"); m != nil {
		for _, k := range m.Kids {
			value := k.Key
			values = append(values, kit.Quote(value))
			for _, ch := range words(m, value) {
				if conds[ch] == nil {
					order = append(order, ch)
				}
				conds[ch] = append(conds[ch], kit.Quote(value))
			}
		}
	}
	if m := sel.Find("optional"); m != nil {
		for _, k := range m.Kids {
			for _, ch := range words(m, k.Key) {
				if conds[ch] == nil {
					order = append(order, ch)
				}
				if value := kit.Quote(k.Key); !slices.Contains(conds[ch], value) {
					conds[ch] = append(conds[ch], value)
				}
			}
			c.Changed(b, k, optional)
		}
	}
	oneOf := func(v []string) string {
		if len(v) == 1 {
			return h + " == " + v[0]
		}
		return h + " in [" + strings.Join(v, ", ") + "]"
	}
	byChannel := map[string]string{}
	for _, ch := range order {
		byChannel[ch] = oneOf(conds[ch])
	}
	for _, ch := range words(sel, "default") {
		other := "not (" + oneOf(values) + ")"
		isAll := !slices.ContainsFunc(
			values, func(v string) bool { return !slices.Contains(conds[ch], v) },
		)
		if conds[ch] == nil {
			order = append(order, ch)
		} else {
			other = byChannel[ch] + " or " + other
		}
		if isAll {
			other = ""
		}
		byChannel[ch] = other
	}
	for _, ch := range order {
		c.into(n, ch, name, byChannel[ch])
	}
}

func (c *converter) into(n *kit.Node, ch, source, cond string) {
	if c.channels[ch] == nil {
		c.D.Lost(c.Agent, n.At, n.Name+".channels", fmt.Sprintf("there is no channel %s", ch))
		return
	}
	c.channels[ch].from[source] = cond
}

// channel takes over what is left of a channel: there is one buffer, on disk.
func (c *converter) channel(ch *channel, p *kit.Pipeline) {
	n := ch.node
	typ := n.Take("type")
	switch {
	case typ == nil:
	case strings.EqualFold(typ.Value, "memory"):
		c.D.Changed(p.Notes, typ.At, typ.Shown(), "the buffer is on disk, and survives a crash")
	case strings.EqualFold(typ.Value, "file"), strings.EqualFold(typ.Value, "spillablememory"):
		c.Carry(typ)
	case ch.isTopic || c.D.IsLeftAs(n.At, n.Name):
	case strings.HasSuffix(typ.Value, "KafkaChannel"):
		c.kafkaChannel(ch, typ)
	default:
		c.D.Changed(p.Notes, typ.At, typ.Shown(), "the buffer is penstock's own, on disk")
	}
	if typ == nil || !strings.HasSuffix(typ.Value, "KafkaChannel") {
		c.Rest(p.Notes, n, harmless)
	}
}

// channelAsSource makes an input of a channel that is a topic, which others write to.
func (c *converter) channelAsSource(name string, ch *channel) {
	n := ch.node
	typ := n.Find("type")
	if typ == nil || !strings.HasSuffix(typ.Value, "KafkaChannel") || len(ch.from) > 0 {
		return
	}
	if len(ch.sink) == 0 {
		c.Left(c.Agent, n, "no source writes to it, and no sink takes from it")
		return
	}
	s := &source{name: name, node: n, kind: "kafka", input: c.Add("input", "kafka", name, n)}
	c.kafkaInput(n, s.input, "kafka.topic")
	c.sources = append(c.sources, s)
	ch.from[name] = ""
	ch.isTopic = true
}

// kafkaChannel makes an output of a channel that is a topic, which others may read.
func (c *converter) kafkaChannel(ch *channel, typ *kit.Node) {
	if len(ch.sink) > 0 {
		c.D.Lost(
			c.Agent, typ.At, typ.Shown(),
			"its records do not pass through Kafka any more; what is in the topic is left to others to read",
		)
		return
	}
	c.Carry(typ)
	ch.sink = append(ch.sink, "")
}

const plainDisk = "the buffer is not encrypted: let data_dir lie on a volume that is"

var harmless = map[string]string{
	"capacity":                            "the buffer is on disk: see buffer.max_size",
	"transactioncapacity":                 "batches are as large as they come",
	"transactionCapacity":                 "batches are as large as they come",
	"byteCapacity":                        "the buffer is on disk: see buffer.max_size",
	"byteCapacityBufferPercentage":        "the buffer is on disk",
	"keep-alive":                          "inputs wait as long as the buffer is full",
	"checkpointDir":                       "the buffer lies below data_dir",
	"dataDirs":                            "the buffer lies below data_dir",
	"useDualCheckpoints":                  "all is checked, and nothing is written twice",
	"backupCheckpointDir":                 "all is checked, and nothing is written twice",
	"checkpointInterval":                  "see buffer.flush_interval",
	"maxFileSize":                         "see buffer.segment_size",
	"minimumRequiredSpace":                "see buffer.min_free",
	"memoryCapacity":                      "the buffer is on disk",
	"overflowCapacity":                    "see buffer.max_size",
	"positionFile":                        "positions are kept below data_dir",
	"batchSize":                           "batches are as large as they come",
	"batchDurationMillis":                 "see latency_budget of the pipeline",
	"batchTimeout":                        "see latency_budget of the pipeline",
	"maxBatchCount":                       "files are read side by side",
	"idleTimeout":                         "see close_inactive",
	"writePosInterval":                    "positions are stored with what was read",
	"backoffSleepIncrement":               "files are watched",
	"maxBackoffSleep":                     "files are watched",
	"cachePatternMatching":                "see rescan_interval",
	"kafka.flumeBatchSize":                "see linger and batch_max_bytes",
	"flumeBatchSize":                      "see linger and batch_max_bytes",
	"kafka.producer.acks":                 "a record counts as delivered when all in-sync replicas have it, always",
	"requiredAcks":                        "a record counts as delivered when all in-sync replicas have it, always",
	"useLocalTimeStamp":                   "records have the time at which they were read, unless filter \"time\" gives them another",
	"threads":                             "inputs need no threads",
	"numProcessors":                       "inputs need no threads",
	"hdfs.batchSize":                      "see roll",
	"hdfs.threadsPoolSize":                "see upload.parallel",
	"hdfs.rollTimerPoolSize":              "see roll",
	"hdfs.callTimeout":                    "see timeout",
	"hdfs.writeFormat":                    "objects hold the lines",
	"hdfs.maxOpenFiles":                   "see spool.open_files",
	"hdfs.minBlockReplicas":               "the store replicates",
	"hdfs.closeTries":                     "objects appear whole, or not at all",
	"hdfs.retryInterval":                  "attempts never end",
	"hdfs.fileCloseByEndEvent":            "objects appear whole",
	"hdfs.inUsePrefix":                    "objects appear whole, or not at all",
	"hdfs.inUseSuffix":                    "objects appear whole, or not at all",
	"hdfs.emptyInUseSuffix":               "objects appear whole, or not at all",
	"restart":                             "a command that ends is started again",
	"restartThrottle":                     "see interval",
	"logStdErr":                           "what a command says on its standard error is in the log",
	"shell":                               "commands run by /bin/sh",
	"inputCharset":                        "see encoding",
	"fileSuffix":                          "files are not renamed",
	"pollDelay":                           "files are watched",
	"trackerDir":                          "positions are kept below data_dir",
	"trackingPolicy":                      "positions are kept below data_dir",
	"consumeOrder":                        "each source keeps its own order",
	"decodeErrorPolicy":                   "bytes pass as they are",
	"keystore-password":                   "PEM files have none",
	"keystorePassword":                    "PEM files have none",
	"keystore-type":                       "PEM files are of one kind",
	"keyManagerType":                      "PEM files are of one kind",
	"exclude-protocols":                   "it is TLS 1.2 or later",
	"ssl.truststore.password":             "PEM files have none",
	"ssl.keystore.password":               "PEM files have none",
	"ssl.key.password":                    "PEM files have none",
	"ssl.truststore.type":                 "PEM files are of one kind",
	"ssl.keystore.type":                   "PEM files are of one kind",
	"sasl.kerberos.service.name":          "penstock does not speak Kerberos",
	"fileHeaderKey":                       "see path_header",
	"basenameHeaderKey":                   "see path_header",
	"portHeader":                          "write an input for each port",
	"charset.default":                     "messages are UTF-8",
	"encryption.activeKey":                plainDisk,
	"encryption.cipherProvider":           plainDisk,
	"encryption.keyProvider":              plainDisk,
	"keyProvider.keyStoreFile":            plainDisk,
	"keyProvider.keyStorePasswordFile":    plainDisk,
	"keyProvider.keys":                    plainDisk,
	"checkpointOnClose":                   "positions are stored with what was read",
	"maxBackoff":                          "inputs wait as long as the buffer is full",
	"outputCharset":                       "what goes on is UTF-8",
	"migrateZookeeperOffsets":             "a ZooKeeper is not asked: see penstock help input.kafka, start",
	"QueuedThreadPool.maxThreads":         "see max_connections",
	"HttpConfiguration.sendServerVersion": "it is not told",
	"pollTimeout":                         "see fetch_wait",
	"kafka.producer.type":                 "what is sent is acknowledged, always",
	"pathManager.extension":               "objects are named by what is in them: see file_name",
	"pathManager.prefix":                  "objects are named by what is in them: see file_name",
	"truststore-password":                 "PEM files have none",
	"truststore-type":                     "PEM files are of one kind",
	"charset":                             "lines are UTF-8",
	"zookeeperConnect":                    "a ZooKeeper is not asked",
	"indexType":                           "Elasticsearch has no types any more",
	"clusterName":                         "it is found out",
	"ttl":                                 "life cycles are set up by others",
	"serializer":                          "records go out as they are",
	"client":                              "it is HTTP",
	"selector":                            "all servers get their share",
	"backoff":                             "see recover_wait",
	"selector.maxTimeOut":                 "see recover_wait",
	"batch-size":                          "see window",
	"connect-timeout":                     "see connect_timeout",
	"request-timeout":                     "see ack_timeout",
	"reset-connection-interval":           "connections are kept",
	"maxIoWorkers":                        "see window.lanes",
	"compression-level":                   "see compression",
	"maxBytesToLog":                       "lines go out whole",
	"defaultBackoff":                      "429 and 5xx are tried again, what else is refused is a dead letter",
	"defaultRollback":                     "429 and 5xx are tried again, what else is refused is a dead letter",
	"defaultIncrementMetrics":             "see /metrics",
	"connectTimeout":                      "see timeout",
	"requestTimeout":                      "see timeout",
	"pathManager":                         "objects are named by what is in them",
	"deletePolicy":                        "see after_read",
}
