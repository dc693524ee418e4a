// Package peerhttp answers what members ask each other over plain HTTP on the peer
// URLs, beside the Raft streams (book §7.3.2): who is in this cluster, and which
// versions are spoken here. A member that wants to join asks both before it starts.
//
// The answers are those of etcd 3.4, to the byte: peers of that version read them.
// The paths below /raft belong to rafthttp; a handler for them is to be mounted
// beside this one, and as long as there is none they are as unknown as any other.
package peerhttp

import (
	"encoding/json"
	"log/slog"
	"net/http"

	"insideetcd/ch01-intro/ids"
	"insideetcd/ch01-intro/version"
	"insideetcd/ch07-server/etcdhttp"
	"insideetcd/ch07-server/membership"
)

const (
	membersPath = "/members"
	versionPath = "/version"

	clusterIDHeader = "X-Etcd-Cluster-ID"
)

// Cluster is what the answers are made of. membership.RaftCluster is one.
type Cluster interface {
	ID() ids.ID
	Members() []*membership.Member // by ascending ID
	Version() *version.Version     // nil while it is not decided
}

// NewHandler returns the handler of the peer listener. A nil lg means slog.Default().
func NewHandler(lg *slog.Logger, cluster Cluster) http.Handler {
	if lg == nil {
		lg = slog.Default()
	}
	h := &handler{lg: lg, cluster: cluster}
	mux := http.NewServeMux() // answers 404 for every other path
	mux.HandleFunc(membersPath, etcdhttp.OnlyGET(h.members))
	mux.HandleFunc(versionPath, etcdhttp.VersionHandler(cluster.Version))
	return mux
}

type handler struct {
	lg      *slog.Logger
	cluster Cluster
}

// members lists the members. Their IDs are decimal here; everywhere else in HTTP they
// are hexadecimal, as is the cluster's in the header.
func (h *handler) members(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(clusterIDHeader, h.cluster.ID().String())
	members := h.cluster.Members()
	if members == nil {
		members = []*membership.Member{}
	}
	body, err := json.Marshal(members)
	if err != nil {
		h.lg.Error("cannot encode the members", "error", err)
		http.Error(w, "cannot encode the members", http.StatusInternalServerError)
		return
	}
	h.answer(w, r, append(body, '\n'))
}

func (h *handler) answer(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(body); err != nil {
		h.lg.Warn("a peer did not take its answer", "peer", r.RemoteAddr, "path", r.URL.Path, "error", err)
	}
}
