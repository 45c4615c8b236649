package network

import (
	"net"
	"path/filepath"
	"testing"
)

// Only a socket to which nobody listens any more may be removed.
func TestIsStale(t *testing.T) {
	dir := t.TempDir()
	stream, datagram := filepath.Join(dir, "stream"), filepath.Join(dir, "datagram")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stream, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	pc, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: datagram, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	if stale, err := IsStale("unix", stream); stale || err != nil {
		t.Errorf("listened to: %v, %v", stale, err)
	}
	for _, kind := range []string{"unix", "unixgram"} {
		if stale, err := IsStale(kind, datagram); stale || (err != nil) != (kind == "unix") {
			t.Errorf("datagrams as %s: %v, %v", kind, stale, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if stale, err := IsStale("unix", stream); !stale || err != nil {
		t.Errorf("left behind: %v, %v", stale, err)
	}
	if stale, err := IsStale("unix", filepath.Join(dir, "none")); stale || err == nil {
		t.Errorf("not there: %v, %v", stale, err)
	}
}
