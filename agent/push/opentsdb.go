package push

import (
	"encoding/json"
	"strconv"
	"time"
)

// opentsdb encodes snapshots as lines of its telnet protocol, or as JSON.
type opentsdb struct {
	prefix, host string
}

type dataPoint struct {
	Metric    string            `json:"metric"`
	Timestamp int64             `json:"timestamp"`
	Value     float64           `json:"value"`
	Tags      map[string]string `json:"tags"`
}

// tagLimit is how many tags OpenTSDB takes with a point unless told otherwise.
const tagLimit = 8

func (o *opentsdb) lines(all []point, at time.Time) []byte {
	var b []byte
	for _, p := range all {
		b = append(b, "put "...)
		b = append(b, clean(o.prefix+p.name, "-_./")...)
		b = append(b, ' ')
		b = strconv.AppendInt(b, at.Unix(), 10)
		b = append(b, ' ')
		b = strconv.AppendFloat(b, p.value, 'f', -1, 64)
		b = append(b, " agent="+clean(o.host, "-_./")...)
		for _, l := range p.labels[:min(len(p.labels), tagLimit-1)] {
			if l.GetValue() != "" {
				b = append(b, " "+clean(l.GetName(), "-_./")+"="+clean(l.GetValue(), "-_./")...)
			}
		}
		b = append(b, '\n')
	}
	return b
}

// perRequest points are few enough for the largest request that OpenTSDB takes as it comes.
const perRequest = 50

func (o *opentsdb) requests(all []point, at time.Time) [][]byte {
	var out [][]byte
	for len(all) > 0 {
		n := min(len(all), perRequest)
		var some []dataPoint
		for _, p := range all[:n] {
			tags := map[string]string{"agent": clean(o.host, "-_./")}
			for _, l := range p.labels[:min(len(p.labels), tagLimit-1)] {
				if l.GetValue() != "" {
					tags[clean(l.GetName(), "-_./")] = clean(l.GetValue(), "-_./")
				}
			}
			some = append(some, dataPoint{clean(o.prefix+p.name, "-_./"), at.Unix(), p.value, tags})
		}
		all = all[n:]
		body, err := json.Marshal(some)
		if err != nil {
			continue // numbers and strings: it cannot fail
		}
		out = append(out, body)
	}
	return out
}
