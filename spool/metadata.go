package spool

import (
	"strconv"

	"github.com/penstock/penstock/spool/partition"
)

// Metadata keys of objects. Positions are decimal; last is that of the last record, end is past the
// cut.
const (
	MetaVersion = "penstock-version"
	MetaFormat  = "penstock-format" // as a number, of objects that penstock reads again
	MetaLog     = "penstock-log"
	MetaStart   = "penstock-start"
	MetaEnd     = "penstock-end"
	MetaFirst   = "penstock-first-offset"
	MetaLast    = "penstock-last-offset"
	MetaRecords = "penstock-records"
	MetaConfig  = "penstock-config"
	MetaClass   = "penstock-class"
	MetaSchema  = "penstock-schema" // of the records, as in the name, where files are parted by it
	// Of the whole cut, of which an object is one. They say how many objects and records it has,
	// those of them that were gone from the log before they could be stored, and those that
	// compaction had taken.
	MetaCutObjects = "penstock-cut-objects"
	MetaCutRecords = "penstock-cut-records"
	MetaCutLost    = "penstock-cut-lost"
	MetaCutCompact = "penstock-cut-compacted"
	MetaLife       = "penstock-life"     // of the log, as in the name
	MetaTopicID    = "penstock-topic-id" // of the topic's life that the records are of
)

var classNames = [...]string{
	partition.Main:       "main",
	partition.Late:       "late",
	partition.DeadLetter: "dead_letter",
}

// kind is what the objects of a cut have in common beside the cut.
type kind struct {
	class  partition.Class
	schema string // see schemaName
}

// describe returns the key of a file and what is said of it. Safe for concurrent use.
func (u *upload) describe(f *file) (string, PutOptions) {
	ext, compExt := f.format.Ext()
	contentType := f.format.ContentType()
	if f.class == partition.DeadLetter {
		ext, contentType = ".ndjson", "application/x-ndjson"
	}
	n := &name{
		id: u.id, topic: u.id.topic, start: u.c.start, end: u.end, schema: schemaName(f.schema),
		formatExt: ext, compExt: compExt,
	}
	return u.a.namer.key(f.path, n), PutOptions{
		ContentType: contentType,
		Common:      u.commonTo(kind{f.class, n.schema}),
		Metadata: map[string]string{
			MetaFirst:   strconv.FormatInt(f.first, 10),
			MetaLast:    strconv.FormatInt(f.last, 10),
			MetaRecords: strconv.FormatInt(f.count, 10),
		},
		IfAbsent: u.keepsTaken,
	}
}

func (u *upload) commonTo(k kind) *Common {
	u.mu.Lock()
	defer u.mu.Unlock()
	if c := u.common[k]; c != nil {
		return c
	}
	c := &Common{u.metadata(k)}
	if u.common == nil {
		u.common = map[kind]*Common{}
	}
	u.common[k] = c
	return c
}

func (u *upload) metadata(k kind) map[string]string {
	c := u.c
	objects, records := len(c.byPath), c.records
	if c.redoIntent != nil {
		objects, records = c.redoIntent.Files, c.redoIntent.Records
	}
	m := map[string]string{
		MetaVersion:    u.a.version,
		MetaLog:        u.id.slug,
		MetaStart:      strconv.FormatInt(c.start, 10),
		MetaEnd:        strconv.FormatInt(u.end, 10),
		MetaConfig:     u.id.config,
		MetaClass:      classNames[k.class],
		MetaCutObjects: strconv.Itoa(objects),
		MetaCutRecords: strconv.FormatInt(records, 10),
	}
	if c.losses.lost > 0 {
		m[MetaCutLost] = strconv.FormatInt(c.losses.lost, 10)
	}
	if c.losses.compacted > 0 {
		m[MetaCutCompact] = strconv.FormatInt(c.losses.compacted, 10)
	}
	if k.schema != "" {
		m[MetaSchema] = k.schema[1:]
	}
	if u.id.life != "" {
		m[MetaLife] = u.id.life
	}
	if u.id.topicID != "" {
		m[MetaTopicID] = u.id.topicID
	}
	return m
}
