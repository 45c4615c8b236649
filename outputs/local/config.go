package local

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
)

// StoreConfig says where the files lie.
type StoreConfig struct {
	Directory string `hcl:"directory" path:"dir" doc:"Directory that holds the objects as files; made when it does not exist."`
	FileMode  string `hcl:"file_mode,optional" doc:"Permissions of files, in octal."`
	DirMode   string `hcl:"dir_mode,optional" doc:"Permissions of the directories that are made, in octal."`
}

// DefaultStore returns the presets.
func DefaultStore() StoreConfig { return StoreConfig{FileMode: "0644", DirMode: "0755"} }

// Validate reports every mistake at once.
func (c *StoreConfig) Validate() error {
	var errs []error
	if c.Directory == "" {
		errs = append(errs, errors.New("directory: must not be empty"))
	} else if filepath.Clean(c.Directory) == "/" {
		errs = append(errs, errors.New("directory: must not be the root of the file system"))
	}
	if m, err := parseMode(c.FileMode); err != nil || m&0o600 != 0o600 {
		errs = append(
			errs,
			fmt.Errorf(
				"file_mode: must be octal permissions that let the owner read and write, such as \"0644\", not %q",
				c.FileMode,
			),
		)
	}
	if m, err := parseMode(c.DirMode); err != nil || m&0o700 != 0o700 {
		errs = append(
			errs,
			fmt.Errorf(
				"dir_mode: must be octal permissions that let the owner read, write and enter, such as \"0755\", not %q",
				c.DirMode,
			),
		)
	}
	return errors.Join(errs...)
}

func parseMode(s string) (fs.FileMode, error) {
	m, err := strconv.ParseUint(s, 8, 32)
	if err != nil {
		return 0, err
	}
	if m > 0o777 {
		return 0, fmt.Errorf("mode %s is over 0777", s)
	}
	return fs.FileMode(m), nil
}
