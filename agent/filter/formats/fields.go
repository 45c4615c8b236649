package formats

// Kind is how a value is written.
type Kind uint8

const (
	Text Kind = iota // as it is
	JSON             // a JSON value
)

// Field is a value with its name.
type Field struct {
	Name  string
	Value []byte
	Kind  Kind
}

// Fields is what was found in one text. Its slices are valid until the next Reset.
type Fields struct {
	List []Field
	// Object is a whole JSON object instead of a list; nil for none.
	Object []byte
	// Time is the text that says when, as it stands; nil where a format has none.
	Time []byte
	// Nanos is the time in nanoseconds since the Unix epoch where the format had to work it out.
	Nanos    int64
	HasNanos bool
	// TooMany says that the text has more fields than MaxFields, and that the rest has been left
	// out.
	TooMany bool

	room []byte
}

// MaxFields bounds how many fields a text may have: what is held of one takes many times its
// length.
const MaxFields = 10000

// Reset empties f.
func (f *Fields) Reset() { *f = Fields{List: f.List[:0], room: f.room[:0]} }

func (f *Fields) put(field Field) {
	if len(f.List) >= MaxFields {
		f.TooMany = true
		return
	}
	f.List = append(f.List, field)
}

func (f *Fields) add(name string, value []byte) { f.put(Field{Name: name, Value: value}) }

// addUnlessNone adds a value unless it stands for none.
func (f *Fields) addUnlessNone(name string, value []byte) {
	if len(value) > 0 && !(len(value) == 1 && value[0] == '-') {
		f.add(name, value)
	}
}

func (f *Fields) json(name string, value []byte) {
	f.put(Field{Name: name, Value: value, Kind: JSON})
}

// begin returns where scratch text begins; what is appended to f.room until taken belongs to it.
func (f *Fields) begin() int { return len(f.room) }

func (f *Fields) taken(start int) []byte { return f.room[start:len(f.room):len(f.room)] }

// Parser takes texts of one format apart.
type Parser interface {
	// Parse adds what it finds in text to out. near is the time, in nanoseconds since the Unix
	// epoch, from which what a text leaves out of its own time is filled in. The error is an
	// *Error; out is then to be reset.
	Parse(text []byte, near int64, out *Fields) error
}

// Error says why a text is not of a format.
type Error struct {
	Reason string // one of few: "not_json"
	Hint   string // for people
}

func (e *Error) Error() string { return e.Hint }

// Func is a Parser without settings.
type Func func(text []byte, near int64, out *Fields) error

// Parse implements Parser.
func (f Func) Parse(text []byte, near int64, out *Fields) error { return f(text, near, out) }
