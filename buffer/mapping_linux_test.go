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
	const size = 256 << 10
	f, p := mappedFile(t, size)
	defer func() { _ = unix.Munmap(p) }()
	want := bytes.Repeat([]byte("written through the map "), size)[:size]
	copy(p, want)
	m := findMapping(f)
	if m.addr != uintptr(unsafe.Pointer(&p[0])) || m.size != size {
		t.Fatalf("found %+v, the map is at %p", m, p)
	}
	m.drop(100_000, 110_000)
	if got := resident(t, m.addr); got != size>>10-12 { // 3 pages: from 98,304 to 110,592
		t.Errorf("%d KiB are in the map after 12 KiB were dropped", got)
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

// Where the file was mapped there is other memory now, which must not be emptied.
func TestMappingThatMoved(t *testing.T) {
	const size = 64 << 10
	f, p := mappedFile(t, size)
	m := findMapping(f)
	addr := unsafe.Pointer(&p[0])
	if err := unix.Munmap(p); err != nil {
		t.Fatal(err)
	}
	q, err := unix.MmapPtr(-1, 0, addr, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_FIXED_NOREPLACE)
	if err != nil {
		t.Skipf("the address was taken at once: %v", err)
	}
	defer func() { _ = unix.MunmapPtr(q, size) }()
	other := unsafe.Slice((*byte)(q), size)
	copy(other, "somebody else's")
	m.drop(0, size)
	if !bytes.HasPrefix(other, []byte("somebody else's")) {
		t.Error("memory that is not the file's was emptied")
	}
	if again := findMapping(f); again != (mapping{}) {
		t.Errorf("found %+v, the file is not mapped", again)
	}
	mapping{}.drop(0, size)
}

// Of two maps nobody knows which is the one that is written through.
func TestMappingTwice(t *testing.T) {
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

// Badger's map of the value log is found, and has nothing in it after each sync; otherwise a sync takes several times as long, and nobody would know why.
func TestSyncEmptiesTheMap(t *testing.T) {
	h, err := openHead(filepath.Join(t.TempDir(), "head"), 8<<20, 4<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.discard() }()
	if h.mapped.path == "" {
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
		if after := resident(t, h.mapped.addr); before < 400 || after > 4 { // the header's page
			t.Errorf("%d KiB in the map before the sync, %d after", before, after)
		}
	}
}
