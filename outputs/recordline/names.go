package recordline

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/penstock/penstock/buffer/record/dataformat"
	"github.com/penstock/penstock/spool"
)

// Overflow objects are named <prefix>/<agent>/<output>/<first %020d>-<last>.<log>.ndjson.zst.
// Positions are counted per log and an output may drain several, so a log whose name is not the
// output's has a segment of its own before the last: log=<pipeline>, or log=<topic/partition>. What
// tells a log from another of its name is the mark before the extension, which earlier releases did
// not write. What is listed directly under the base and begins with a digit has not been replayed;
// the other names sort behind it.
const (
	ReplayedDir = "replayed/"
	DamagedDir  = "damaged/"
	LeaseDir    = "lease/"

	MetaDigest  = "penstock-digest"
	MetaRecords = "penstock-records"

	// formatVersion is the format of objects of records: their lines, names and metadata.
	formatVersion = 1
)

// CheckFormat refuses an object that a later release has put, with a *dataformat.NewerError.
func CheckFormat(o spool.Object) error {
	return dataformat.CheckText("the object "+o.Key, o.Metadata[spool.MetaFormat], formatVersion)
}

// OverflowBase returns what the names of a log's objects begin with, up to and including the last
// slash.
func OverflowBase(prefix, agent, output, log string) string {
	base := AgentBase(prefix, agent) + EscapeSegment(output) + "/"
	if log != output {
		// A pipeline's log is called <pipeline>.<type>.<name>; the output is in the base already.
		log = strings.TrimSuffix(log, "."+strings.TrimPrefix(output, "output."))
		base += "log=" + EscapeSegment(log) + "/"
	}
	return base
}

func AgentBase(prefix, agent string) string {
	return spool.JoinPrefix(prefix) + EscapeSegment(agent) + "/"
}

// EscapeSegment makes one segment of a key out of any name.
func EscapeSegment(s string) string {
	switch s = strings.ReplaceAll(url.PathEscape(s), ":", "%3A"); s {
	case "":
		return "_"
	case ".", "..":
		return strings.ReplaceAll(s, ".", "%2E")
	}
	return s
}

// ObjectName returns the last segment of an object's name. mark is that of its log, as package
// overflow makes it.
func ObjectName(first, end int64, mark string) string {
	if mark != "" {
		mark = "." + mark
	}
	return fmt.Sprintf("%020d-%d%s%s", first, end-1, mark, ObjectSuffix)
}

// ParseObjectName is ObjectName's inverse; end is 0 if the name tells no positions. After the mark
// there may be a digest, where the plain name was taken.
func ParseObjectName(name string) (first, end int64, mark string) {
	a, rest, ok := strings.Cut(strings.TrimSuffix(name, ObjectSuffix), "-")
	rest, _, _ = strings.Cut(rest, "-")
	b, mark, _ := strings.Cut(rest, ".")
	first, err1 := strconv.ParseInt(a, 10, 64)
	last, err2 := strconv.ParseInt(b, 10, 64)
	if !ok || err1 != nil || err2 != nil || last < first {
		return 0, 0, ""
	}
	return first, last + 1, mark
}

// WaitingObject reports whether key names an object under base that waits to be replayed. past is
// true if no key after it in order can.
func WaitingObject(key, base string) (ok, past bool) {
	name := strings.TrimPrefix(key, base)
	if name == "" || name[0] < '0' {
		return false, false
	}
	if name[0] > '9' {
		return false, true
	}
	return strings.HasSuffix(name, ObjectSuffix) && !strings.Contains(name, "/"), false
}

func ObjectOptions(digest string, records int64) spool.PutOptions {
	return spool.PutOptions{
		ContentType: "application/zstd",
		Metadata: map[string]string{
			MetaDigest:       digest,
			MetaRecords:      strconv.FormatInt(records, 10),
			spool.MetaFormat: strconv.Itoa(formatVersion),
		},
	}
}
