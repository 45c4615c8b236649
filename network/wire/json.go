package wire

import "github.com/penstock/penstock/buffer/record/msgpack"

var (
	// ErrMalformed is wrapped by errors about bytes that are not the protocol: the connection
	// cannot go on.
	ErrMalformed = msgpack.ErrMalformed
	// ErrDepth is returned for what nests deeper than is allowed.
	ErrDepth = msgpack.ErrDepth
)

// AppendJSONString appends s as a JSON string, with bytes that are not UTF-8 written as package
// msgpack says.
func AppendJSONString(dst, s []byte) []byte { return msgpack.AppendString(dst, s) }
