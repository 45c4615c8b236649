package decode

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
)

// artifact is what a schema of Apicurio refers to, and by which name.
type artifact struct {
	Group   string `json:"groupId"`
	ID      string `json:"artifactId"`
	Version string `json:"version"`
	Name    string `json:"name"`
}

func (a *artifact) path() string {
	return "/groups/" + url.PathEscape(cmp.Or(a.Group, "default")) + "/artifacts/" +
		url.PathEscape(a.ID) + "/versions/" + url.PathEscape(a.Version)
}

// apicurioFiles calls add for the files that a schema refers to, each before what refers to it, and
// for the schema itself. The registry would put them into one only if they are JSON and the id is a
// global one. The error wraps ErrUnavailable if it passes.
func (c *client) apicurioFiles(
	ctx context.Context, id schemaID, add func(name, text string) error,
) error {
	type key struct{ group, id, version string }
	seen := map[key]bool{}
	var resolve func(path string, depth int) error
	resolve = func(path string, depth int) error {
		if depth > 16 {
			return errors.New("references nested too deeply")
		}
		answer, err := c.ask(ctx, id, path+"/references")
		if err != nil {
			return err
		}
		var refs []artifact
		if err := json.Unmarshal([]byte(answer), &refs); err != nil {
			return fmt.Errorf("references of schema %v: %w", id, err)
		}
		for _, r := range refs {
			k := key{r.Group, r.ID, r.Version}
			if seen[k] {
				continue
			}
			seen[k] = true
			if err := resolve(r.path(), depth+1); err != nil {
				return err
			}
			// The first is of the API's third version, the other of the second.
			text, err := c.ask(ctx, id, r.path()+"/content", r.path())
			if err != nil {
				return fmt.Errorf("reference %s: %w", r.Name, err)
			}
			if err := add(r.Name, text); err != nil {
				return err
			}
		}
		return nil
	}
	if err := resolve(apicurioPath(id), 0); err != nil {
		return err
	}
	text, err := c.ask(ctx, id, apicurioPath(id))
	if err != nil {
		return err
	}
	return add("", text)
}
