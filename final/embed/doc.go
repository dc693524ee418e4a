// Package embed turns a configuration into a running server, for package cmd/etcd and for
// programs that carry an etcd inside them.
//
//	cfg := embed.NewConfig()
//	cfg.Dir = "default.etcd"
//	e, err := embed.StartEtcd(cfg)
//	if err != nil { … }
//	defer e.Close()
//	<-e.ReadyNotify()
//
// The order of a start is such that a mistake leaves nothing behind: first the
// configuration is checked, then all ports are opened, and only then is the data directory
// touched. So a wrong URL or a port in use damages nothing. The order of a stop is the
// other way round: clients first (what is in flight may finish), then the member, then
// peers.
//
// Fields of Config have the names and the defaults of etcd 3.4's embed.Config.
package embed
