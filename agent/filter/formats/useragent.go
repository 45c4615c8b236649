package formats

import (
	"bytes"
	"strings"

	"github.com/mileusna/useragent"
	"github.com/penstock/penstock/network/wire"
)

var errNotUserAgent = &Error{
	"not_user_agent",
	"the text is no User-Agent header that names a program",
}

// Bounds of what is taken for a user agent: servers take no longer header lines, and what is held
// of one part takes many times its length.
const (
	maxUserAgent      = 8 << 10
	maxUserAgentParts = 128
)

// ParseUserAgent reads the User-Agent header of HTTP. What is found is called as in the Elastic
// Common Schema: name, version, os.name, os.version, device.name; device.type is Desktop, Phone,
// Tablet or Robot.
func ParseUserAgent(text []byte, _ int64, out *Fields) error {
	if len(text) > maxUserAgent || userAgentParts(text) > maxUserAgentParts {
		return errNotUserAgent
	}
	ua := useragent.Parse(string(text))
	mendUserAgent(&ua)
	if ua.Version == "" && ua.OS == "" && !ua.Bot || ua.Name == "" {
		return errNotUserAgent
	}
	out.add("name", []byte(ua.Name))
	if ua.Version != "" {
		out.add("version", []byte(ua.Version))
	}
	out.object("os", "name", ua.OS, "version", ua.OSVersion)
	out.object("device", "name", ua.Device, "type", deviceType(&ua))
	return nil
}

// userAgentParts returns how many parts the text may have at most.
func userAgentParts(text []byte) (n int) {
	for _, c := range text {
		switch c {
		case '(', ')', '[', ']', ';', '/':
			n++
		}
	}
	return n
}

// mendUserAgent mends what the library takes for something else.
func mendUserAgent(ua *useragent.UserAgent) {
	switch ua.Name {
	case "Trident": // Internet Explorer 11, which names itself no more
		ua.Name = useragent.InternetExplorer
		if v := versionAfter(ua.String, "rv:"); v != "" {
			ua.Version = v
		}
	case useragent.Opera: // which is 9.80 for ever, for the sake of old pages
		if v := versionAfter(ua.String, "Version/"); v != "" && ua.Version == "9.80" {
			ua.Version = v
		}
	}
	if v := ua.OSVersion; v == "" || !digit(v[0]) { // it may be the kind of processor
		ua.OSVersion = ""
	}
}

// versionAfter returns the digits and dots that follow mark.
func versionAfter(text, mark string) string {
	_, rest, _ := strings.Cut(text, mark)
	end := strings.IndexFunc(rest, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(rest)
	}
	return rest[:end]
}

func deviceType(ua *useragent.UserAgent) string {
	switch {
	case ua.Bot:
		return "Robot"
	case ua.Tablet:
		return "Tablet"
	case ua.Mobile:
		return "Phone"
	case ua.Desktop:
		return "Desktop"
	}
	return ""
}

// object adds an object of texts, given as names and values, without those that are empty.
func (f *Fields) object(name string, pairs ...string) {
	start := f.begin()
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		sep := byte(',')
		if len(f.room) == start {
			sep = '{'
		}
		f.room = wire.AppendJSONString(append(f.room, sep), []byte(pairs[i]))
		f.room = wire.AppendJSONString(append(f.room, ':'), bytes.TrimSpace([]byte(pairs[i+1])))
	}
	if len(f.room) > start {
		f.room = append(f.room, '}')
		f.json(name, f.taken(start))
	}
}
