package msgpack

import "errors"

// errOdd tells of what only Transcode can judge.
var errOdd = errors.New("not a plain map")

const (
	// checkDepth is how deep Check looks without help.
	checkDepth = 32
	// mostGrowth is how many times longer than a value its text may be: an extension of one byte
	// takes three, and 27 as text.
	mostGrowth = 10
)

// Check walks the value at a place in src, and returns where it ends. It takes what Transcode takes
// with the same limits and refuses, with the same errors, what that refuses, except that what is
// too long and ends too soon is told as the latter. Most values it takes without making their text.
// scratch is memory that it may use; it is returned, perhaps grown.
func Check(scratch, src []byte, at, depth, most int) (room []byte, end int, err error) {
	end, err = walk(src, at, min(depth, checkDepth))
	if err == nil && (end-at)*mostGrowth <= most || err == ErrShort {
		return scratch, end, err
	}
	return Transcode(scratch[:0], src, at, depth, most)
}

// inside is what is left of an array or a map: elements, of which those of a map alternate between
// keys and values.
type inside struct {
	left  uint64
	isMap bool
}

// walk returns where the value ends that begins at a place in src: errOdd if it nests deeper, or a
// key in it is no string.
func walk(src []byte, at, depth int) (int, error) {
	var stack [checkDepth]inside
	level := -1 // of stack
	now := inside{left: 1}
	for {
		for now.left == 0 {
			if level < 0 {
				return at, nil
			}
			now = stack[level]
			level--
		}
		isKey := now.isMap && now.left&1 == 0
		now.left--
		if at >= len(src) {
			return 0, ErrShort
		}
		n := uint64(0)
		switch c := src[at]; { // the most frequent forms, without a head
		case c >= 0xa0 && c < 0xc0:
			at, n = at+1, uint64(c&0x1f)
		case c == 0xd9 && at+1 < len(src): // str8
			at, n = at+2, uint64(src[at+1])
		case c < 0x80 && !isKey:
			at++
		default:
			h, err := ReadHead(src[at:])
			if err != nil {
				return 0, err
			}
			at += h.Size
			switch h.Kind {
			case Str, Bin:
				n = h.N
			case Array, Map:
				if isKey || level+2 > depth {
					return 0, errOdd
				}
				level++
				stack[level] = now
				if now = (inside{left: h.N}); h.Kind == Map {
					now = inside{left: 2 * h.N, isMap: true}
				}
			default:
				if isKey {
					return 0, errOdd
				}
				n = h.Body()
			}
		}
		if n > uint64(len(src)-at) {
			return 0, ErrShort
		}
		at += int(n)
	}
}
