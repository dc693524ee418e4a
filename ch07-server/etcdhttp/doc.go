// Package etcdhttp answers the plain HTTP requests on a client URL that belong to no
// version of the API: /version, /health and /metrics (book §7.3.2).
//
// It stands beside v2http because its readers are other ones. v2http is an API of
// applications and can be switched off; these three are read by people with curl, by load
// balancers and by monitoring, and are there whatever APIs are served. Probes watch
// their texts, so those are etcd 3.4's to the byte.
//
//	/version  GET  {"etcdserver":"3.4.45","etcdcluster":"3.4.0"}
//	/health   GET  200 {"health":"true"} or 503 {"health":"false"}
//	/metrics  any  the text format of Prometheus
package etcdhttp
