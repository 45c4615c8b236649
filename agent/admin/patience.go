package admin

import (
	"net/http"
	"time"
)

// writeTimeout is how long who reads an answer may take for what is written at a time.
const writeTimeout = 30 * time.Second

// patient has answers go on for as long as somebody reads them, and ends those of which nothing is
// read for so long: they would hold a goroutine and a descriptor for ever.
func patient(h http.Handler, within time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&patientWriter{w, within}, r)
	})
}

type patientWriter struct {
	http.ResponseWriter
	within time.Duration
}

// Unwrap is for http.ResponseController.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *patientWriter) Write(p []byte) (int, error) {
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(w.within))
	return w.ResponseWriter.Write(p)
}
