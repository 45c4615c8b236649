//go:build !linux

package servers

import "syscall"

func childAttr() *syscall.SysProcAttr { return nil }

// threadsStopped believes the signal: what the threads do is known on Linux only.
func threadsStopped(int) (bool, error) { return true, nil }
