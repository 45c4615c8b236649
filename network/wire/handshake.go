package wire

import (
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"io"

	"github.com/tinylib/msgp/msgp"

	"github.com/penstock/penstock/buffer/record/msgpack"
)

// Hello is the server's first word. Exact tells that the server understands records carried
// exactly, Maps that their values may be maps.
type Hello struct {
	Nonce     []byte
	Auth      []byte // salt of the user digest; empty when no user is asked for
	Keepalive bool
	Exact     bool
	Maps      bool
}

// Ping is the client's answer to Hello.
type Ping struct {
	Hostname  string
	Salt      []byte // ASCII without NUL: some servers take it for text
	KeyDigest string
	User      string
	UserHash  string
}

// Pong is the server's verdict.
type Pong struct {
	OK        bool
	Reason    string
	Hostname  string
	KeyDigest string
}

// KeyDigest returns the digest that proves knowledge of the shared key: the client's with its own
// host name, the server's with its own.
func KeyDigest(salt []byte, hostname string, nonce []byte, key string) string {
	return digest(salt, []byte(hostname), nonce, []byte(key))
}

// UserDigest returns the digest that proves knowledge of a user's password.
func UserDigest(auth []byte, user, password string) string {
	return digest(auth, []byte(user), []byte(password))
}

func digest(parts ...[]byte) string {
	h := sha512.New()
	for _, p := range parts {
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// SameDigest compares in constant time.
func SameDigest(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// AppendHello appends the HELO message. Nonce and salt are bin, as fluentd sends them; fluent-bit
// takes str as well. Whoever sends one of these messages sends it in one write: fluent-bit reads
// only once.
func AppendHello(dst []byte, h Hello) []byte {
	dst = msgp.AppendArrayHeader(dst, 2)
	dst = msgp.AppendString(dst, "HELO")
	n := uint32(3)
	for _, more := range []bool{h.Exact, h.Maps} {
		if more {
			n++
		}
	}
	dst = msgp.AppendMapHeader(dst, n)
	dst = msgp.AppendBytes(msgp.AppendString(dst, "nonce"), h.Nonce)
	dst = msgp.AppendBytes(msgp.AppendString(dst, "auth"), h.Auth)
	dst = msgp.AppendBool(msgp.AppendString(dst, "keepalive"), h.Keepalive)
	if h.Exact {
		dst = msgp.AppendInt(msgp.AppendString(dst, keyMark), 1)
	}
	if h.Maps {
		dst = msgp.AppendInt(msgp.AppendString(dst, keyMaps), 1)
	}
	return dst
}

// AppendPing appends the PING message, with every element as str: fluent-bit takes nothing else.
func AppendPing(dst []byte, p Ping) []byte {
	dst = msgp.AppendArrayHeader(dst, 6)
	dst = msgp.AppendString(dst, "PING")
	dst = msgp.AppendString(dst, p.Hostname)
	dst = msgp.AppendStringFromBytes(dst, p.Salt)
	dst = msgp.AppendString(dst, p.KeyDigest)
	dst = msgp.AppendString(dst, p.User)
	return msgp.AppendString(dst, p.UserHash)
}

// AppendPong appends the PONG message.
func AppendPong(dst []byte, p Pong) []byte {
	dst = msgp.AppendArrayHeader(dst, 5)
	dst = msgp.AppendString(dst, "PONG")
	dst = msgp.AppendBool(dst, p.OK)
	dst = msgp.AppendString(dst, p.Reason)
	dst = msgp.AppendString(dst, p.Hostname)
	return msgp.AppendString(dst, p.KeyDigest)
}

// maxHandshake bounds one handshake message in bytes.
const maxHandshake = 16 << 10

// Handshake reads one side's handshake messages from a connection whose other bytes are read
// elsewhere: it takes not one byte more than the messages, so it may be dropped when they are
// through.
type Handshake struct {
	src io.Reader
	buf []byte
}

// NewHandshake returns a Handshake over src.
func NewHandshake(src io.Reader) *Handshake { return &Handshake{src: src} }

// value reads one msgpack value byte-exactly.
func (h *Handshake) value() ([]byte, error) {
	h.buf = h.buf[:0]
	s := skipper{left: 1}
	at := 0
	for {
		n, done, err := s.step(h.buf[at:])
		at += n
		if done || err != nil {
			return h.buf, err
		}
		// A pending body is taken in one read; a head byte by byte, for its length is known only
		// once it is whole.
		want := 1
		if s.body > 0 {
			want = int(min(s.body, maxHandshake+1))
		}
		if len(h.buf)+want > maxHandshake {
			return nil, msgpack.Malformed("handshake message of more than %d bytes", maxHandshake)
		}
		start := len(h.buf)
		h.buf = append(h.buf, make([]byte, want)...)
		if _, err := io.ReadFull(h.src, h.buf[start:]); err != nil {
			if err == io.EOF && start > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// message reads an array that begins with name, and returns what follows it, element by element.
func (h *Handshake) message(name string, elements int) ([][]byte, error) {
	b, err := h.value()
	if err != nil {
		return nil, err
	}
	head, err := msgpack.ReadHead(b)
	if err != nil || head.Kind != msgpack.Array || head.N != uint64(elements) {
		return nil, msgpack.Malformed("no %s of %d elements", name, elements)
	}
	at := head.Size
	var out [][]byte
	for range head.N {
		n, err := msgpack.Skip(b[at:])
		if err != nil {
			return nil, err
		}
		out = append(out, b[at:at+n])
		at += n
	}
	if s, _, err := msgpack.ReadString(out[0]); err != nil || string(s) != name {
		return nil, msgpack.Malformed("no %s", name)
	}
	return out[1:], nil
}

func (h *Handshake) strings(from [][]byte, to ...*string) error {
	for i, p := range to {
		s, _, err := readBytes(from[i])
		if err != nil {
			return err
		}
		*p = string(s)
	}
	return nil
}

// Hello reads the HELO message.
func (h *Handshake) Hello() (Hello, error) {
	parts, err := h.message("HELO", 2)
	if err != nil {
		return Hello{}, err
	}
	out := Hello{Keepalive: true}
	m, err := msgpack.ReadHead(parts[0])
	if err != nil || m.Kind != msgpack.Map {
		return Hello{}, msgpack.Malformed("HELO without options")
	}
	at := m.Size
	for range m.N {
		n, _ := msgpack.Skip(parts[0][at:])
		key, _, _ := msgpack.ReadString(parts[0][at:])
		at += n
		n, _ = msgpack.Skip(parts[0][at:])
		value := parts[0][at : at+n]
		at += n
		v, _ := msgpack.ReadHead(value)
		switch string(key) {
		case "nonce":
			out.Nonce, _, err = readBytes(value)
			out.Nonce = append([]byte(nil), out.Nonce...)
		case "auth":
			out.Auth, _, err = readBytes(value)
			out.Auth = append([]byte(nil), out.Auth...)
		case "keepalive":
			out.Keepalive = v.Kind != msgpack.False
		case keyMark:
			out.Exact = v.Kind == msgpack.Int && v.N == 1
		case keyMaps:
			out.Maps = v.Kind == msgpack.Int && v.N == 1
		}
		if err != nil {
			return Hello{}, err
		}
	}
	return out, nil
}

// Ping reads the PING message.
func (h *Handshake) Ping() (Ping, error) {
	parts, err := h.message("PING", 6)
	if err != nil {
		return Ping{}, err
	}
	var p Ping
	var salt string
	err = h.strings(parts, &p.Hostname, &salt, &p.KeyDigest, &p.User, &p.UserHash)
	p.Salt = []byte(salt)
	return p, err
}

// Pong reads the PONG message.
func (h *Handshake) Pong() (Pong, error) {
	parts, err := h.message("PONG", 5)
	if err != nil {
		return Pong{}, err
	}
	ok, err := msgpack.ReadHead(parts[0])
	if err != nil {
		return Pong{}, err
	}
	p := Pong{OK: ok.Kind == msgpack.True}
	err = h.strings(parts[1:], &p.Reason, &p.Hostname, &p.KeyDigest)
	return p, err
}
