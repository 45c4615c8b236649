package positions

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/penstock/penstock/inputs/tail"
	"go.yaml.in/yaml/v3"
)

// promtail reads positions.yaml, which names files by their paths alone. What tells of the journal,
// of Kafka and of others is none of a file.
func promtail(path string) ([]tail.Foreign, error) {
	data, err := text(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Positions map[string]string `yaml:"positions"`
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%s: it is no positions.yaml: %w", path, err)
	}
	var all []tail.Foreign
	var errs []error
	for name, value := range file.Positions {
		if !strings.HasPrefix(name, "/") {
			continue
		}
		off, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %q is no position", path, name, value))
			continue
		}
		all = append(all, tail.Foreign{Path: name, Off: off, From: path})
	}
	return sorted(all), errors.Join(errs...)
}
