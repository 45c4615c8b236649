package filter

// arena hands out memory for the values of one batch, which live as long as one of them is
// referenced.
type arena struct {
	free []byte
	size int // of the next piece
}

const (
	arenaMin = 4 << 10
	arenaMax = 256 << 10
)

// take returns an empty slice with room for n bytes. What is appended beyond that stands elsewhere.
func (a *arena) take(n int) []byte {
	if n > arenaMax/4 {
		return make([]byte, 0, n)
	}
	if n > cap(a.free) {
		a.free = make([]byte, 0, max(n, a.size, arenaMin))
	}
	out := a.free[:0:n]
	a.free = a.free[n:n:cap(a.free)]
	return out
}

// open returns an empty slice with all the room there is, at least n bytes. What has been appended
// to it has to be handed back to shut, before anything else is taken.
func (a *arena) open(n int) []byte {
	if n > cap(a.free) {
		a.free = make([]byte, 0, max(n, a.size, arenaMin))
	}
	return a.free
}

// shut keeps what was appended to a slice of open.
func (a *arena) shut(out []byte) []byte {
	if cap(out) == cap(a.free) {
		a.free = out[len(out):len(out):cap(out)]
	} // otherwise it did not fit, and stands elsewhere
	return out[:len(out):len(out)]
}
