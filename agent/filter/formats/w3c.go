package formats

import "bytes"

var errNotW3C = &Error{
	"wrong_columns",
	"the line has another number of values than #Fields has names",
}

// W3CNames reads a line that begins with #: the names, if it is #Fields.
// https://www.w3.org/TR/WD-logfile.html
func W3CNames(text []byte) (names []string, directive bool) {
	if len(text) == 0 || text[0] != '#' {
		return nil, false
	}
	if rest, ok := bytes.CutPrefix(text, []byte("#Fields:")); ok {
		for _, name := range bytes.Fields(rest) {
			names = append(names, string(name))
		}
	}
	return names, true
}

// W3CRow reads a line whose fields are known. A - stands for no value and is left out.
func W3CRow(names []string, text []byte, out *Fields) error {
	if names == nil {
		return errNoNames
	}
	text = bytes.TrimRight(text, "\r\n \t")
	n := 0
	var date, clock []byte
	for len(text) > 0 {
		if text[0] == ' ' || text[0] == '\t' {
			text = text[1:]
			continue
		}
		if n == len(names) {
			return errNotW3C
		}
		var value []byte
		if text[0] == '"' {
			var err error
			if value, text, err = (CSV{Delimiter: ' ', Quotes: true}).quoted(
				text, out,
			); err != nil {
				return err
			}
		} else {
			end := bytes.IndexAny(text, " \t")
			if end < 0 {
				end = len(text)
			}
			value, text = text[:end], text[end:]
		}
		switch names[n] {
		case "date":
			date = value
		case "time":
			clock = value
		}
		out.addUnlessNone(names[n], value)
		n++
	}
	if n != len(names) {
		return errNotW3C
	}
	if date != nil && clock != nil {
		start := out.begin()
		out.room = append(append(append(out.room, date...), ' '), clock...)
		out.Time = out.taken(start)
	}
	return nil
}

// TimeW3C is the pattern of date and time of a W3C log, which are in UTC.
const TimeW3C = "%Y-%m-%d %H:%M:%S"
