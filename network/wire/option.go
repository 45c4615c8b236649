package wire

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/tinylib/msgp/msgp"

	"github.com/penstock/penstock/buffer/record/msgpack"
)

// Options is what a sender says about a message.
type Options struct {
	// to be echoed in the ack, as it stands on the wire; nil when no ack is asked for
	Chunk      []byte
	Compressed string
	Size       int64 // events, by the sender's count; 0 when not said
	Signal     int64 // fluent_signal: 0 logs, 1 metrics, 2 traces
}

const maxOptions = 16 << 10

// Options reads what follows the events, all of which must have been read, and ends the message.
func (m *Message) Options() (Options, error) {
	m.finish()
	defer func() { m.r.inside = false }()
	if m.json != nil {
		return m.json.options()
	}
	var o Options
	for i := range m.after {
		h, err := m.r.head()
		if err != nil {
			return o, err
		}
		if i > 0 || h.Kind != msgpack.Map {
			if err := m.r.skipValue(); err != nil {
				return o, err
			}
			continue
		}
		for {
			n, err := o.parse(m.r.win.bytes())
			if err == nil {
				m.r.win.advance(n)
				break
			}
			if !errors.Is(err, msgpack.ErrShort) {
				return o, err
			}
			if len(m.r.win.bytes()) > maxOptions {
				return o, msgpack.Malformed("options of more than %d bytes", maxOptions)
			}
			if err := m.r.need(len(m.r.win.bytes()) + 1); err != nil {
				return o, err
			}
		}
	}
	return o, nil
}

func (o *Options) parse(b []byte) (int, error) {
	*o = Options{}
	h, err := msgpack.ReadHead(b)
	if err != nil {
		return 0, err
	}
	at := h.Size
	for range h.N {
		keyEnd, err := msgpack.Skip(b[at:])
		if err != nil {
			return 0, err
		}
		key, _, _ := msgpack.ReadString(b[at:])
		at += keyEnd
		valueEnd, err := msgpack.Skip(b[at:])
		if err != nil {
			return 0, err
		}
		value := b[at : at+valueEnd]
		at += valueEnd
		v, _ := msgpack.ReadHead(value)
		switch string(key) {
		case "chunk":
			if v.Kind != msgpack.Nil {
				o.Chunk = append([]byte(nil), value...)
			}
		case "compressed":
			s, _, _ := msgpack.ReadString(value)
			o.Compressed = string(s)
		case "size":
			if v.Kind == msgpack.Int || v.Kind == msgpack.Uint {
				o.Size = int64(v.N)
			}
		case "fluent_signal":
			if v.Kind == msgpack.Int || v.Kind == msgpack.Uint {
				o.Signal = int64(v.N)
			}
		}
	}
	return at, nil
}

// AppendAck appends the answer to a message with the given chunk, in the connection's encoding.
func AppendAck(dst, chunk []byte, asJSON bool) []byte {
	if asJSON {
		dst = append(dst, `{"ack":`...)
		dst = append(dst, chunk...)
		return append(dst, '}')
	}
	dst = msgp.AppendMapHeader(dst, 1)
	dst = msgp.AppendString(dst, "ack")
	return append(dst, chunk...)
}

const maxAck = 64 << 10

// ErrHello is returned by an AckReader that finds the server's part of a handshake.
var ErrHello = errors.New("the server asks for a handshake")

// AckReader reads acks. Not safe for concurrent use.
type AckReader struct{ r Reader }

// NewAckReader returns an AckReader of src, which it reads ahead.
func NewAckReader(src io.Reader) *AckReader {
	return &AckReader{Reader{win: window{src: src}, lim: Limits{Record: maxAck}}}
}

// Next returns the chunk of the next ack: the contents of the string that was sent as the chunk.
func (a *AckReader) Next() (string, error) {
	for {
		chunk, size, err := readAck(a.r.win.bytes())
		if err == nil {
			a.r.win.advance(size)
			return chunk, nil
		}
		if !errors.Is(err, msgpack.ErrShort) {
			return "", err
		}
		if err := a.r.need(len(a.r.win.bytes()) + 1); err != nil {
			return "", err
		}
	}
}

func readAck(b []byte) (chunk string, size int, err error) {
	if size, err = msgpack.Skip(b); err != nil {
		return "", 0, err
	}
	h, _ := msgpack.ReadHead(b)
	if h.Kind == msgpack.Array && h.N > 0 {
		if word, _, err := msgpack.ReadString(b[h.Size:]); err == nil && string(word) == "HELO" {
			return "", 0, ErrHello
		}
	}
	if h.Kind != msgpack.Map {
		return "", 0, msgpack.Malformed("%v where an ack belongs", h.Kind)
	}
	at := h.Size
	for range h.N {
		n, _ := msgpack.Skip(b[at:])
		key, _, _ := msgpack.ReadString(b[at:])
		at += n
		n, _ = msgpack.Skip(b[at:])
		if string(key) == "ack" {
			s, _, err := msgpack.ReadString(b[at:])
			if err != nil {
				return "", 0, err
			}
			return string(s), size, nil
		}
		at += n
	}
	return "", 0, msgpack.Malformed("answer without an ack")
}

// optionsJSON reads the options of a message on a JSON connection.
func optionsJSON(raw json.RawMessage) Options {
	var o struct {
		Chunk      json.RawMessage `json:"chunk"`
		Compressed string          `json:"compressed"`
		Size       int64           `json:"size"`
		Signal     int64           `json:"fluent_signal"`
	}
	_ = json.Unmarshal(raw, &o) // what is not of the expected type stays unset
	if string(o.Chunk) == "null" {
		o.Chunk = nil
	}
	return Options{Chunk: o.Chunk, Compressed: o.Compressed, Size: o.Size, Signal: o.Signal}
}
