package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// namespaceEnv is set in the process that withSmallDisk starts.
const namespaceEnv = "PENSTOCK_TEST_NAMESPACE"

// withSmallDisk runs fn with a directory that is a file system of the given size. Who may not mount
// one runs the calling test once more in a user namespace, where everybody may. Where there is
// neither, the test is skipped, but for the integration tests, which must not miss it.
func withSmallDisk(t *testing.T, size string, fn func(t *testing.T, dir string)) {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size)
	if err == nil {
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
		fn(t, dir)
		return
	}
	const needs = "a small file system needs root or user namespaces"
	if os.Getenv(namespaceEnv) != "" {
		t.Skipf("%s: mount: %v", needs, err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), namespaceEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	switch {
	case cmd.ProcessState == nil || bytes.Contains(out, []byte("--- SKIP")):
		if runtest.Long() {
			t.Fatalf("%s: %v\n%s", needs, err, out)
		}
		t.Skipf("%s: %v\n%s", needs, err, out)
	case err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name()+" ")):
		t.Fatalf("in a user namespace: %v\n%s", err, out)
	}
	t.Logf("in a user namespace:\n%s", out)
}
