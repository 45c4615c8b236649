package buffer

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// resident returns how many KiB of the map at addr the process has in its page tables.
func resident(t *testing.T, addr uintptr) (kib int) {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	here := false
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if strings.HasPrefix(sc.Text(), fmt.Sprintf("%x-", addr)) {
			here = true
		}
		if here && strings.HasPrefix(sc.Text(), "Rss:") {
			if _, err := fmt.Sscanf(sc.Text(), "Rss: %d kB", &kib); err != nil {
				t.Fatal(err)
			}
			return kib
		}
	}
	t.Fatalf("nothing is mapped at %x", addr)
	return 0
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

func TestMappingDrops(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	f, p := mappedFile(t, size)
	defer func() { _ = unix.Munmap(p) }()
	want := bytes.Repeat([]byte("written through the map "), size)[:size]
	copy(p, want)
	m := findMapping(f)
	if m.addr != uintptr(unsafe.Pointer(&p[0])) || m.size != size {
		t.Fatalf("found %+v, the map is at %p", m, p)
	}
	page := os.Getpagesize()
	m.drop(int64(2*page-1), int64(3*page+1)) // of three pages, the first and the last by a byte
	if got := resident(t, m.addr); got != (size-3*page)>>10 {
		t.Errorf("%d KiB are in the map of %d after three pages were dropped", got, size>>10)
	}
	m.drop(0, 10*size)
	if got := resident(t, m.addr); got != 0 {
		t.Errorf("%d KiB are still in the map", got)
	}
	if err := syncData(f); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(f.Name())
	if err != nil || !bytes.Equal(got, want) || !bytes.Equal(p, want) {
		t.Errorf("what was written through the map is gone: %v", err)
	}
}

// Where the file was mapped there is something else now, which must not be emptied.
func TestMappingThatMoved(t *testing.T) {
	t.Parallel()
	const size = 256 << 10
	f, p := mappedFile(t, size)
	m := findMapping(f)
	addr := unsafe.Pointer(&p[0])
	other, q := mappedFile(t, size)
	if err := unix.Munmap(q); err != nil {
		t.Fatal(err)
	}
	if err := unix.Munmap(p); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(2 * size); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file  *os.File
		flags int
		off   int64
	}{
		"no file":        {nil, unix.MAP_PRIVATE | unix.MAP_ANON, 0},
		"another file":   {other, unix.MAP_PRIVATE, 0},
		"a private map":  {f, unix.MAP_PRIVATE, 0}, // what is written there is nowhere else
		"the file's end": {f, unix.MAP_SHARED, size},
	} {
		fd := -1
		if c.file != nil {
			fd = int(c.file.Fd())
		}
		q, err := unix.MmapPtr(
			fd, c.off, addr, size, unix.PROT_READ|unix.PROT_WRITE, c.flags|unix.MAP_FIXED_NOREPLACE,
		)
		if err != nil {
			t.Skipf("the address was taken at once: %v", err)
		}
		memory := unsafe.Slice((*byte)(q), size)
		copy(memory, "somebody else's")
		if c.file != f { // a head's file is mapped once, by Badger
			m.drop(0, size)
		}
		if !bytes.HasPrefix(memory, []byte("somebody else's")) {
			t.Errorf("%s: memory that is not the file's was emptied", name)
		}
		if again := findMapping(f); again != (mapping{}) {
			t.Errorf("%s: found %+v", name, again)
		}
		if err := unix.MunmapPtr(q, size); err != nil {
			t.Fatal(err)
		}
	}
	mapping{}.drop(0, size)
}

// What lies behind the map is left alone, however long the file is said to be.
func TestMappingEnds(t *testing.T) {
	t.Parallel()
	const size = 256 << 10
	f, p := mappedFile(t, size)
	if err := unix.Munmap(p); err != nil {
		t.Fatal(err)
	}
	all, err := unix.Mmap(
		-1, 0, 2*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON,
	)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(all) }()
	if _, err := unix.MmapPtr(
		int(f.Fd()), 0, unsafe.Pointer(&all[0]), size, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_SHARED|unix.MAP_FIXED,
	); err != nil {
		t.Fatal(err)
	}
	copy(all[size:], "behind the map")
	m := findMapping(f)
	if m.size != size {
		t.Fatalf("found %+v", m)
	}
	m.drop(0, 2*size)
	if !bytes.HasPrefix(all[size:], []byte("behind the map")) {
		t.Error("what lies behind the map was emptied")
	}
}

// Of two maps nobody knows which is the one that is written through.
func TestMappingTwice(t *testing.T) {
	t.Parallel()
	f, p := mappedFile(t, 8192)
	defer func() { _ = unix.Munmap(p) }()
	q, err := unix.Mmap(int(f.Fd()), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(q) }()
	if m := findMapping(f); m != (mapping{}) {
		t.Errorf("found %+v", m)
	}
}

// Badger's map of the value log is found, and has nothing in it after each sync; otherwise a sync
// takes several times as long, and nobody would know why.
func TestSyncEmptiesTheMap(t *testing.T) {
	t.Parallel()
	h, err := openHead(disk{}, filepath.Join(t.TempDir(), "head"), 8<<20, 4<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.discard() }()
	if h.mapped.missing() {
		t.Fatal("the map of the value log is not found")
	}
	for range 3 {
		if err := h.write([][]byte{bytes.Repeat([]byte("group"), 100_000)}); err != nil {
			t.Fatal(err)
		}
		before := resident(t, h.mapped.addr)
		if err := h.sync(); err != nil {
			t.Fatal(err)
		}
		// the header's
		if after := resident(t, h.mapped.addr); before < 400 || after > os.Getpagesize()>>10 {
			t.Errorf("%d KiB in the map before the sync, %d after", before, after)
		}
	}
}
