package servers

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// A port belongs to the process that got it while nobody listens on it, too: a server that was
// stopped came back to find that of another test there.
func TestAPortIsHandedOutOnce(t *testing.T) {
	const taken = "PENSTOCK_TAKEN_PORT"
	if port, err := strconv.Atoi(os.Getenv(taken)); err == nil { // another process
		if claim(port) == nil {
			t.Error("another process got it as well")
		}
		return
	}
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	if claim(port) == nil {
		t.Error("this process got it again")
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestAPortIsHandedOutOnce$")
	cmd.Env = append(os.Environ(), taken+"="+strconv.Itoa(port))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
