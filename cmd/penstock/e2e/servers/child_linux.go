package servers

import "syscall"

// childAttr has a child killed when the thread that forked it ends.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
