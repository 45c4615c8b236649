package timepattern

import (
	"strings"
	"time"
)

// ReadGo is Read for a layout of Go, or the name of one.
func ReadGo(layout string) (string, error) {
	if format := formats[layout]; format != "" {
		return format, nil
	}
	if named := layouts[layout]; named != "" {
		layout = named
	}
	return Read(conversions.Replace(layout))
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

var conversions = strings.NewReplacer(
	"2006", "%Y", "January", "%B", "Jan", "%b", "Monday", "%A", "Mon", "%a", "01", "%m", "02", "%d",
	"_2", "%e", "15", "%H", "03", "%I", "04", "%M", "05", "%S", ".000000000", ".%f",
	".000000", ".%f", ".000", ".%L", ",000000", ",%f", ",000", ",%L", ",999", ",%L", ".999999999", ".%f", ".999999", ".%f", ".999", ".%L",
	"PM", "%p", "-0700", "%z", "Z07:00", "%z", "-07:00", "%z", "MST", "%Z",
)
