package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the expected output in the scripts")

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
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("ADMIN", servers.FreeAddr(t))
			env.Setenv("DEAD", servers.FreeAddr(t))
			// File names in messages are relative, so that they can be compared.
			return os.MkdirAll(filepath.Join(env.WorkDir, "logs"), 0o755)
		},
	})
}
