//go:build !linux

package framing

import "golang.org/x/sys/unix"

func setReceiveBuffer(fd, n int) error {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, n)
}

func countDrops(int) {}

func drops([]byte) (uint32, bool) { return 0, false }

func dropsSoFar(int) (uint32, bool) { return 0, false }
