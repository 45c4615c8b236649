package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"penstock": main,
		"stopper":  stopper,
	})
}

// The scripts run the real main in a process of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: runtest.Update(),
		Setup: func(env *testscript.Env) error {
			env.Setenv("ADMIN", servers.FreeAddr(t))
			env.Setenv("DEAD", servers.FreeAddr(t))
			// File names in messages are relative, so that they can be compared.
			return os.MkdirAll(filepath.Join(env.WorkDir, "logs"), 0o755)
		},
	})
}
