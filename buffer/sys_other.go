//go:build !linux

package buffer

import "os"

func syncData(f *os.File) error { return f.Sync() }

func reserve(*os.File, int64, int64) (bool, error) { return false, nil }

func skipHole(_ *os.File, off int64) int64 { return off }

func readAhead(*os.File, int64, int64) {}

func allocated(path string) int64 {
	fi, err := os.Lstat(path)
	if err != nil {
		return 0
	}
	return fi.Size()
}
