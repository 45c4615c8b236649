package forward

import (
	"bytes"
	"strings"
)

// hintForProtocol tells what a client seems to speak whose connection begins with first, and what
// to do about it; "" when it may well be the forward protocol.
func hintForProtocol(first []byte) string {
	text := true
	for _, c := range first {
		text = text && (c >= ' ' && c < 0x7f || c == '\t' || c == '\r' || c == '\n')
	}
	word, _, _ := bytes.Cut(first, []byte{' '})
	switch {
	case len(first) > 1 && first[0] == 0x16 && first[1] == 3:
		return "the client speaks TLS: give this input a tls block, or turn TLS off in the client"
	case !text || len(first) == 0:
		return ""
	case strings.Contains(" GET HEAD POST PUT DELETE OPTIONS PATCH CONNECT PRI ", " "+string(word)+" "):
		return "the client speaks HTTP: point it at an http input"
	case first[0] == '<':
		return "the client speaks syslog: point it at a syslog input"
	case first[0] == '{':
		return "the client sends JSON lines: point it at a tcp input, or send [tag, time, record]"
	}
	return "the client sends lines of text: point it at a tcp or syslog input"
}
