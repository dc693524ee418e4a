package etcdhttp

import (
	"encoding/json"
	"net/http"

	"insideetcd/ch01-intro/version"
)

// notDecided stands in for the cluster version until the members have agreed on one.
const notDecided = "not_decided"

// versions is the body of /version.
type versions struct {
	Server  string `json:"etcdserver"`
	Cluster string `json:"etcdcluster"`
}

// VersionHandler tells the version of this server and of its cluster, to clients and
// to peers alike.
func VersionHandler(cluster func() *version.Version) http.HandlerFunc {
	return OnlyGET(func(w http.ResponseWriter, _ *http.Request) {
		v := versions{Server: version.Compatible, Cluster: notDecided}
		if c := cluster(); c != nil {
			v.Cluster = c.String()
		}
		body, err := json.Marshal(v)
		if err != nil {
			panic("etcdhttp: two strings cannot be encoded: " + err.Error())
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // the client went away; there is nobody to tell
	})
}
