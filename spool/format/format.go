package format

import (
	"errors"
	"fmt"
	"io"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
)

// Format makes the files of one kind. A file in the making is a header and members, one after the
// other; a member is made of whole rows. Where members are cut decides the file's bytes, so it must
// follow from the rows alone. Safe for concurrent use.
type Format interface {
	// Ext returns the two parts of the files' extension, such as ".ndjson" and ".gz"; either may be
	// empty.
	Ext() (format, compression string)
	ContentType() string
	// Fingerprint tells everything that decides what a file's bytes are: while it stays the same,
	// the same records make the same bytes.
	Fingerprint() string

	// AppendRow appends the row of a record: what is kept until its member is made. An error tells
	// that the format cannot hold the record, which makes it a dead letter; unless the error wraps
	// decode.ErrUnavailable: then the record is to be tried again later.
	AppendRow(dst []byte, in *partition.Input) ([]byte, error)
	// AppendHeader appends what stands before the first member.
	AppendHeader(dst []byte) ([]byte, error)
	// AppendMember appends the member of rows.
	AppendMember(dst, rows []byte) ([]byte, error)
}

// Finisher is a Format whose header and members are not the file yet, but what is kept to make it
// from. Parquet cannot be written row by row, and a schema that is inferred is not known before
// there are rows.
type Finisher interface {
	Format
	// Finish reads the members and writes the file. It reads members once, in order, and holds no
	// more in memory than a row group.
	Finish(dst io.Writer, members io.Reader) error
}

// Splitter is a Format that may part records into files by their schemas.
type Splitter interface {
	Format
	// AppendSchemaKey appends what tells the schema of a record, which is a function of the record
	// alone; nothing if files are not parted. All rows of a file must have the same.
	AppendSchemaKey(dst []byte, r *record.Record) []byte
}

// table is the catalogue of formats.
var table = map[string]func(c *Config, comp *compressor, dec decode.Decoder) (Format, error){
	"raw":       newRaw,
	"ndjson":    newNDJSON,
	"delimited": newDelimited,
	"avro":      newAvro,
	"parquet":   newParquet,
}

// New returns the format of a configuration for values that dec decodes. compression is one of
// Compressions.
func New(c Config, compression string, dec decode.Decoder) (Format, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	comp, err := newCompressor(compression)
	if err != nil {
		return nil, fmt.Errorf("compression: %w", err)
	}
	return table[c.Type](&c, comp, dec)
}

var (
	errNewline   = errors.New("value holds a line break")
	errSurrogate = errors.New("half a surrogate pair in a string, which is no text")
	errTombstone = errors.New(
		"a tombstone: the record has a key and no value, which this format cannot hold",
	)
	errNoObject = errors.New(
		"the value is JSON, but no object: there is nothing to fill columns from",
	)
)
