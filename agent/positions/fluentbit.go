package positions

import (
	"fmt"

	"github.com/penstock/penstock/agent/positions/sqlite"
	"github.com/penstock/penstock/inputs/tail"
)

// fluentBit reads the database of a tail input. Of several rows with one inode the latest counts,
// as it does there.
func fluentBit(path string) ([]tail.Foreign, error) {
	rows, err := sqlite.Rows(path, "in_tail_files")
	if err != nil {
		return nil, err
	}
	latest := map[int64]int{}
	var all []tail.Foreign
	for _, row := range rows {
		name, ok1 := row["name"].(string)
		off, ok2 := row["offset"].(int64)
		ino, ok3 := row["inode"].(int64)
		if !ok1 || !ok2 || !ok3 || ino <= 0 {
			continue
		}
		p := tail.Foreign{
			Path: name, Ino: uint64(ino), Off: off, From: fmt.Sprintf("%s, id %v", path, row["id"]),
		}
		if at, ok := latest[ino]; ok {
			all[at] = p
			continue
		}
		latest[ino] = len(all)
		all = append(all, p)
	}
	return all, nil
}
