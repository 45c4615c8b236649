package buffer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// resident returns how many KiB of the memory of m there are.
func resident(t *testing.T, m shadow) (kib int) {
	t.Helper()
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	page := int64(os.Getpagesize())
	entries := make([]byte, m.size/page*8)
	if _, err := f.ReadAt(entries, int64(m.addr)/page*8); err != nil {
		t.Fatal(err)
	}
	for e := range slices.Chunk(entries, 8) {
		if binary.NativeEndian.Uint64(e)>>62 != 0 { // present, or swapped out
			kib += int(page >> 10)
		}
	}
	return kib
}

func mappedFile(t *testing.T, size int) (*os.File, []byte) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "mapped file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(int64(size)); err != nil {
		t.Fatal(err)
	}
	p, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	return f, p
}

// What is written where the map was goes into the file when it is stored, and not before.
func TestShadowStores(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	f, p := mappedFile(t, size)
	defer func() { _ = unix.Munmap(p) }()
	copy(p, "through the map")
	m := takeMap(f)
	if m.addr != uintptr(unsafe.Pointer(&p[0])) || m.size != size {
		t.Fatalf("found %+v, the map is at %p", m, p)
	}
	page := os.Getpagesize()
	want := make([]byte, size)
	copy(want, "through the map")
	compare := func(what string) {
		t.Helper()
		if got, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: the file is another: %v", what, err)
		}
	}
	text := bytes.Repeat([]byte("written to memory "), size)[:5*page]
	copy(p[100:], text)
	compare("nothing stored")
	if err := m.store(f, 100, int64(len(text)), 300); err != nil {
		t.Fatal(err)
	}
	copy(want[300:], text)
	compare("stored")
	m.forget(100, 100+int64(len(text)))
	if got := resident(t, m); got != page>>10 {
		t.Errorf("%d KiB are still there", got)
	}
	copy(p, "more")
	if err := m.store(f, 0, 4, 0); err != nil {
		t.Fatal(err)
	}
	copy(want, "more")
	compare("stored once more")
	if err := m.store(f, size-1, 2, 0); err == nil {
		t.Error("what lies behind the memory was stored")
	}
	m.forget(0, 10*size)
	if got := resident(t, m); got != 0 {
		t.Errorf("%d KiB are still there", got)
	}
	compare("at the end")
}

// What was stored is where is written next: no memory comes to it, and what is written there is
// stored as before.
func TestShadowUsesItsMemoryAgain(t *testing.T) {
	t.Parallel()
	const size, step = 16 << 20, 700 << 10
	f, p := mappedFile(t, size)
	defer func() { _ = unix.Munmap(p) }()
	m := takeMap(f)
	page := int64(os.Getpagesize())
	var want []byte
	at, kept := int64(20), int64(20)
	for i := 0; at+step <= size; i++ {
		text := bytes.Repeat([]byte{byte(i), byte(i >> 8), 1}, step)[:step-i]
		copy(p[at:], text)
		want = append(want, text...)
		if err := m.store(f, at, int64(len(text)), at); err != nil {
			t.Fatal(err)
		}
		if at += int64(len(text)); at-kept < 1<<20 {
			continue
		}
		m.recycle(kept, at)
		if m.stays {
			t.Skip("the kernel does not move memory")
		}
		got, most := int64(resident(t, m))<<10, 2*step+2*page
		if got > most || got < 2*step-2*page && at+most < size {
			t.Errorf("%d bytes of memory after %d, %d were written of late", got, at, at-kept)
		}
		kept = at
	}
	got, err := os.ReadFile(f.Name())
	if err != nil || !bytes.Equal(got[20:at], want) {
		t.Errorf("the file is another: %v", err)
	}
	m.recycle(kept, size) // behind the end there is no room
	m.forget(0, size)
	if got := resident(t, m); got != 0 {
		t.Errorf("%d KiB are still there", got)
	}
}

// What a limit does not let into the file is an error, and may be stored once there is room.
func TestShadowOfAFullDisk(t *testing.T) {
	t.Parallel()
	const size = 64 << 10
	_, p := mappedFile(t, size)
	defer func() { _ = unix.Munmap(p) }()
	f, q := mappedFile(t, size)
	defer func() { _ = unix.Munmap(q) }()
	m := takeMap(f)
	copy(q, "text")
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	if err := m.store(full, 0, 4, 0); !isFull(err) {
		t.Errorf("stored on a full disk: %v", err)
	}
	if err := m.store(f, 0, 4, 0); err != nil {
		t.Error(err)
	}
}

// Of two maps nobody knows which is the one that is written through; a private one and one of
// another part are none.
func TestMapsThatAreNotTaken(t *testing.T) {
	t.Parallel()
	const size = 64 << 10
	for name, c := range map[string]struct {
		flags int
		off   int64
	}{
		"two":            {unix.MAP_SHARED, 0},
		"a private map":  {unix.MAP_PRIVATE, 0},
		"the file's end": {unix.MAP_SHARED, size / 2},
	} {
		f, p := mappedFile(t, size)
		if name != "two" {
			if err := unix.Munmap(p); err != nil {
				t.Fatal(err)
			}
		}
		q, err := unix.Mmap(int(f.Fd()), c.off, size/2, unix.PROT_READ|unix.PROT_WRITE, c.flags)
		if err != nil {
			t.Fatal(err)
		}
		if m := takeMap(f); !m.missing() {
			t.Errorf("%s: taken: %+v", name, m)
		}
		copy(q, "still the file's")
		content, err := os.ReadFile(f.Name())
		if err != nil || c.flags == unix.MAP_SHARED && !bytes.Contains(content, []byte("still the file's")) {
			t.Errorf("%s: the map is not the file's any more: %v", name, err)
		}
		_ = unix.Munmap(q)
		if name == "two" {
			_ = unix.Munmap(p)
		}
	}
}

// A head knows to the byte where Badger writes next, stores just that, and keeps little of it in
// memory.
func TestHeadStoresWhatBadgerWrites(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "head")
	h, err := openHead(disk{}, dir, 8<<20, 1<<20, &badgerLog{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.discard() }()
	if h.memory.missing() || h.walMemory.missing() {
		t.Fatal("Badger's maps are not found")
	}
	var want []byte // the values
	for n := 1; n <= 3000; n++ {
		g := bytes.Repeat([]byte{byte(n)}, 50+n%5000)
		binary.BigEndian.PutUint64(g[8:], uint64(n))
		if err := h.reserveTo(h.written+8192, 1); err != nil {
			t.Fatal(err)
		}
		if err := h.write([][]byte{g}); err != nil {
			t.Fatal(err)
		}
		want = append(want, g...)
		if n%500 != 0 {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, vlogName))
		if err != nil {
			t.Fatal(err)
		}
		if end := len(bytes.TrimRight(content, "\x00")); int64(end) > h.written || int64(end) < h.written-4 {
			t.Fatalf("the file ends at %d after %d groups, expected %d", end, n, h.written)
		}
		got, at := []byte(nil), int64(vlogHeaderSize)
		for at < h.written {
			_, key, _ := bytes.Cut(content[at+2:at+20], []byte{vlogKeySize})
			size, w := binary.Uvarint(key)
			from := at + 4 + int64(w) + vlogKeySize
			got, at = append(got, content[from:from+int64(size)]...), from+int64(size)+vlogCRCSize
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("the file holds other values after %d groups", n)
		}
		if kib := resident(t, h.memory) + resident(t, h.walMemory); kib > 1500 {
			t.Errorf("%d KiB of memory after %d groups", kib, n)
		}
	}
}

// Behind what was written in the place of what was refused the log ends, though more of that is in
// the file, and the memory behind is not what it was.
func TestNothingIsFoundBehindWhatWasRefused(t *testing.T) {
	t.Parallel()
	dir, refuse := filepath.Join(t.TempDir(), "head"), false
	h, err := openHead(disk{fault: func(s step, _ string) error {
		if s == stepStore && refuse {
			return unix.EDQUOT
		}
		return nil
	}}, dir, 8<<20, 1<<20, &badgerLog{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.discard() }()
	group := func(c byte) []byte { return bytes.Repeat([]byte{c}, 100) }
	if err := h.write([][]byte{bytes.Repeat([]byte{'m'}, 2<<20), group('a')}); err != nil {
		t.Fatal(err)
	}
	refuse = true
	err = h.write([][]byte{group('b'), group('c'), group('d'), group('e')})
	if !errors.Is(err, errNoSpace) {
		t.Fatal(err)
	}
	refuse = false
	if err := h.write([][]byte{group('f')}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, vlogName))
	if err != nil {
		t.Fatal(err)
	}
	entry := int(vlogEntrySize(100))
	end := vlogHeaderSize + int(vlogEntrySize(2<<20)) + 2*entry
	if int(h.written) != end || !bytes.Contains(content[end-entry:end], group('f')) {
		t.Errorf("the log ends at %d, want %d", h.written, end)
	}
	if !bytes.Contains(content[end:], []byte("ccc")) {
		t.Error("nothing of what was refused is in the file")
	}
	if behind := content[end : end+vlogPeekSize]; len(bytes.Trim(behind, "\x00")) > 0 {
		t.Errorf("behind the log's end there is %q", behind)
	}
}
