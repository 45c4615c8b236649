//go:build !linux

package servers

import "syscall"

func childAttr() *syscall.SysProcAttr { return nil }
