package framing

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// setReceiveBuffer asks for more than net.core.rmem_max, which is for the privileged, and then for
// what there is.
func setReceiveBuffer(fd, n int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, n) == nil {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, n)
}

// countDrops has the kernel say with each datagram how many it had dropped when that came.
func countDrops(fd int) { _ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1) }

// drops returns the count that came with a datagram.
func drops(oob []byte) (total uint32, ok bool) {
	if len(oob) == 0 {
		return 0, false
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, false
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_RXQ_OVFL &&
			len(m.Data) >= 4 {
			return binary.NativeEndian.Uint32(m.Data), true
		}
	}
	return 0, false
}

// dropsSoFar returns how many the kernel has dropped, also since the last datagram that it took; ok
// is false before Linux 4.12.
func dropsSoFar(fd int) (total uint32, ok bool) {
	var info [9]uint32 // the last is SK_MEMINFO_DROPS
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(
		unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0,
	)
	return info[8], errno == 0 && size == uint32(unsafe.Sizeof(info))
}
