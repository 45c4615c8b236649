package admin

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// serveAudit answers with what became of all records that were read since a while ago.
func serveAudit(w http.ResponseWriter, r *http.Request, agent Agent, log *slog.Logger) {
	since := 24 * time.Hour
	if text := r.URL.Query().Get("since"); text != "" {
		var err error
		if since, err = time.ParseDuration(text); err != nil || since <= 0 {
			http.Error(
				w, fmt.Sprintf("since: %q is no duration, such as 24h", text),
				http.StatusBadRequest,
			)
			return
		}
	}
	writeJSON(w, agent.Audit(time.Now().Add(-since)), log, "the audit")
}
