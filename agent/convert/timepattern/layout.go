package timepattern

import (
	"regexp"
	"strings"
	"time"
)

// ReadGo returns the formats of filter "time" that read what a layout of Go reads, or the name of
// one: Go takes a fraction behind seconds that the layout leaves out.
func ReadGo(layout string) ([]string, error) {
	if format := formats[layout]; format != "" {
		return []string{format}, nil
	}
	if named := layouts[layout]; named != "" {
		layout = named
	}
	pattern := conversions.Replace(optional.ReplaceAllString(layout, ""))
	format, err := Read(pattern)
	if err != nil || !strings.Contains(pattern, "%S") || strings.Contains(pattern, "%f") {
		return []string{format}, err
	}
	return []string{format, strings.Replace(format, "%S", "%S.%f", 1)}, nil
}

// formats are names that penstock has another name for.
var formats = map[string]string{
	"RFC3339": "iso8601", "RFC3339Nano": "iso8601", "RFC1123": "rfc1123", "RFC1123Z": "rfc1123",
	"Unix": "epoch_s", "UnixMs": "epoch_ms", "UnixUs": "epoch_us", "UnixNs": "epoch_ns",
	"UNIX": "epoch_s", "UNIX_MS": "epoch_ms",
}

// layouts are those of Go that have a name.
var layouts = map[string]string{
	"ANSIC": time.ANSIC, "UnixDate": time.UnixDate, "RubyDate": time.RubyDate, "RFC822": time.RFC822,
	"RFC822Z": time.RFC822Z, "RFC850": time.RFC850, "Stamp": time.Stamp,
	"StampMilli": time.StampMilli, "StampMicro": time.StampMicro, "StampNano": time.StampNano,
}

// optional are fractions that a text need not have.
var optional = regexp.MustCompile(`([.,])9+`)

// conversions are what layouts are made of, the longer first where one begins as another.
var conversions = strings.NewReplacer(
	"January", "%B", "Jan", "%b", "Monday", "%A", "Mon", "%a", "MST", "%Z", "2006", "%Y", "002", "%j",
	"01", "%m", "02", "%d", "03", "%I", "04", "%M", "05", "%S", "06", "%y", "15", "%H", "_2", "%e",
	"1", "%m", "2", "%d", "3", "%I", "4", "%M", "5", "%S", "PM", "%p", "pm", "%p",
	".000000000", ".%f", ".000000", ".%f", ".000", ".%f", ",000000", ",%f", ",000", ",%f",
	"Z07:00", "%z", "Z0700", "%z", "Z07", "%z", "-07:00", "%z", "-0700", "%z", "-07", "%z", "%", "%%",
)
