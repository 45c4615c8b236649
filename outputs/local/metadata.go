package local

import (
	"encoding/json"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// attribute holds the metadata as a JSON object.
const attribute = "user.penstock.metadata"

func setMetadata(f *os.File, m map[string]string) error {
	if len(m) == 0 {
		return nil
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	err = unix.Fsetxattr(int(f.Fd()), attribute, text, 0)
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		return nil // the file system keeps none: documented at Store
	}
	return err
}

func metadata(f *os.File) map[string]string {
	buf := make([]byte, 64<<10)
	n, err := unix.Fgetxattr(int(f.Fd()), attribute, buf)
	if err != nil {
		return nil
	}
	var m map[string]string
	if json.Unmarshal(buf[:n], &m) != nil {
		return nil
	}
	return m
}
