package etcdhttp

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/ids"
	"insideetcd/ch01-intro/version"
)

// Server is what the handlers ask of a member.
type Server interface {
	ClusterVersion() *version.Version // nil: not decided yet
	Leader() ids.ID                   // 0: none known
	Alarms() []*pb.AlarmMember
	// LinearizableReadNotify returns when a read of this member would be linearizable.
	LinearizableReadNotify(ctx context.Context) error
}

// NewHandler returns a handler for the three paths; every other one is "404 page not
// found". nil logs to slog's default.
func NewHandler(lg *slog.Logger, s Server) http.Handler {
	if lg == nil {
		lg = slog.Default()
	}
	mux := http.NewServeMux()
	mux.Handle("/version", VersionHandler(s.ClusterVersion))
	mux.Handle("/health", healthHandler(lg, s))
	mux.Handle("/metrics", promhttp.Handler())
	return cleanPaths(mux)
}

// cleanPaths sends a client that wrote "//" or ".." to the cleaned path with 301, as
// 3.4 does; net/http's own mux of today would do so with 307.
func cleanPaths(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clean := path.Clean("/" + r.URL.Path)
		if clean != "/" && strings.HasSuffix(r.URL.Path, "/") {
			clean += "/"
		}
		if clean == r.URL.Path {
			h.ServeHTTP(w, r)
			return
		}
		target := url.URL{Path: clean, RawQuery: r.URL.RawQuery}
		http.Redirect(w, r, target.String(), http.StatusMovedPermanently)
	})
}

// OnlyGET refuses every method but GET, also HEAD, in 3.4's words.
func OnlyGET(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", http.MethodGet)
			http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
			return
		}
		h(w, r)
	}
}

// CORS lets web pages of the given origins use what h serves ("*": of all), and answers
// the OPTIONS request with which a browser asks beforehand (Fetch standard, CORS protocol).
func CORS(origins []string, h http.Handler) http.Handler {
	allowed := make(map[string]bool, len(origins))
	for _, o := range origins {
		allowed[o] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch origin := r.Header.Get("Origin"); {
		case allowed["*"]:
			addCORS(w, "*")
		case allowed[origin]:
			addCORS(w, origin)
		}
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusOK)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func addCORS(w http.ResponseWriter, origin string) {
	w.Header().Set("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE")
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Set("Access-Control-Allow-Headers", "accept, content-type, authorization")
}
