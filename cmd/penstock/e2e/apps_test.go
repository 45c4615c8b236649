package e2e

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/penstock/penstock/cmd/penstock/demo"
)

// startApps starts an app for each kind of rotation, and one that never rotates, each writing rate
// lines a second into logs. It returns what stops each of them.
func startApps(
	ctx context.Context, t *testing.T, rng *rand.Rand, logs string, rate int,
	kinds ...demo.Rotation,
) (apps []*demo.App, stop []func() error) {
	names := map[demo.Rotation]string{
		demo.Rename:       "rename",
		demo.RenameGzip:   "gzip",
		demo.CopyTruncate: "truncate",
	}
	start := func(name string, every time.Duration, kinds ...demo.Rotation) {
		app := &demo.App{
			Source: name,
			Path:   filepath.Join(logs, name+".log"),
			Kinds:  kinds,
			Rand:   rand.New(rand.NewPCG(rng.Uint64(), 2)),
		}
		apps = append(apps, app)
		stop = append(
			stop,
			background(ctx, func(ctx context.Context) error { return app.Run(ctx, rate, every) }),
		)
		t.Cleanup(func() { _ = app.Close() })
	}
	for _, kind := range kinds {
		start(names[kind], 1500*time.Millisecond, kind)
	}
	start("plain", 0)
	return apps, stop
}
