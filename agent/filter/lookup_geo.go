package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"
	"github.com/penstock/penstock/buffer/record/dialect"
)

// networks is a database of networks in MaxMind's format: what it says of an address is a row.
type networks struct {
	db   *maxminddb.Reader
	take [][]any // paths; nil for all there is
}

// newNetworks reads a database. It works on data, which must stay as it is: a file that is mapped
// instead, and cut off by who writes it anew, would end the process.
func newNetworks(data []byte, take []string) (*networks, error) {
	db, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, err
	}
	n := &networks{db: db}
	for _, name := range take {
		var path []any
		for _, part := range dialect.SplitNames(name) {
			path = append(path, part)
		}
		n.take = append(n.take, path)
	}
	return n, nil
}

// find implements lookupTable. What is no address, or not in the database, has no row.
func (n *networks) find(key string) ([]member, error) {
	addr, err := netip.ParseAddr(strings.Trim(key, "[]"))
	if err != nil {
		return nil, nil
	}
	return n.findAddr(addr.Unmap().WithZone(""))
}

func (n *networks) findAddr(addr netip.Addr) ([]member, error) {
	found := n.db.Lookup(addr)
	if found.Err() != nil || !found.Found() {
		return nil, found.Err()
	}
	top := map[string]any{}
	if n.take == nil {
		if err := found.Decode(&top); err != nil {
			return nil, err
		}
	}
	for _, path := range n.take {
		var v any
		if err := found.DecodePath(&v, path...); err != nil {
			return nil, err
		}
		if v != nil {
			nestAt(top, path, v)
		}
	}
	if len(top) == 0 {
		return nil, nil
	}
	return membersOf(top)
}

// nestAt puts v where path says, unless what is taken already stands in the way.
func nestAt(at map[string]any, path []any, v any) {
	for _, name := range path[:len(path)-1] {
		inner, ok := at[name.(string)].(map[string]any)
		if !ok {
			if at[name.(string)] != nil {
				return
			}
			inner = map[string]any{}
			at[name.(string)] = inner
		}
		at = inner
	}
	at[path[len(path)-1].(string)] = v
}

// membersOf returns what a map holds, in the order of its names: the same each time.
func membersOf(top map[string]any) ([]member, error) {
	names := make([]string, 0, len(top))
	for name := range top {
		names = append(names, name)
	}
	slices.Sort(names)
	out := make([]member, 0, len(top))
	for _, name := range names {
		value, err := json.Marshal(top[name])
		if err != nil {
			return nil, err
		}
		out = append(out, member{key: appendText(nil, bytesOf(name)), value: value})
	}
	return out, nil
}

// checkTake reports paths that take nothing, or what another one takes.
func checkTake(take []string) error {
	var errs []error
	for i, name := range take {
		if name == "" || slices.Contains(dialect.SplitNames(name), "") {
			errs = append(errs, fmt.Errorf("take: %q is no path such as \"country.iso_code\"", name))
		}
		for _, other := range take[:i] {
			if other == name || strings.HasPrefix(other, name+".") ||
				strings.HasPrefix(name, other+".") {
				errs = append(errs, fmt.Errorf("take: %q and %q overlap", other, name))
			}
		}
	}
	return errors.Join(errs...)
}
