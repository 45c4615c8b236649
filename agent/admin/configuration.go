package admin

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Configuration is what the agent runs with, without secrets and comments.
type Configuration struct {
	Loaded time.Time    `json:"loaded"`
	Note   string       `json:"note,omitempty"` // what of it is not in force
	Files  []ConfigFile `json:"files"`
}

// ConfigFile is one of its files, as it was when it was loaded.
type ConfigFile struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

func serveConfig(w http.ResponseWriter, agent Agent) {
	c := agent.Configuration()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if c.Note != "" {
		fmt.Fprintf(w, "# %s\n\n", c.Note)
	}
	for i, f := range c.Files {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "# %s\n%s", f.Path, f.Text)
	}
}

func serveConfigJSON(w http.ResponseWriter, agent Agent, log *slog.Logger) {
	writeJSON(w, agent.Configuration(), log, "the configuration")
}
