package main

import (
	"fmt"

	"github.com/spf13/pflag"
)

// unbuilt are the flags of etcd 3.4 that this command knows and does not serve yet, with
// their defaults. Each may be given its default; any other value is refused, because
// a server that ignores what it was told is worse than one that does not start.
var unbuilt = []struct{ name, value string }{
	{"listen-metrics-urls", ""},
	{"discovery", ""}, {"discovery-fallback", "proxy"}, {"discovery-proxy", ""},
	{"discovery-srv", ""}, {"discovery-srv-name", ""},
	{"strict-reconfig-check", "true"},
	{"enable-v2", "false"}, {"experimental-enable-v2v3", ""},

	{"proxy", "off"}, {"proxy-failure-wait", "5000"}, {"proxy-refresh-interval", "30000"},
	{"proxy-dial-timeout", "1000"}, {"proxy-write-timeout", "5000"}, {"proxy-read-timeout", "0"},

	{"cert-file", ""}, {"key-file", ""}, {"client-cert-auth", "false"}, {"client-crl-file", ""},
	{"client-cert-allowed-hostname", ""}, {"trusted-ca-file", ""}, {"auto-tls", "false"},
	{"peer-cert-file", ""}, {"peer-key-file", ""}, {"peer-client-cert-auth", "false"},
	{"peer-trusted-ca-file", ""}, {"peer-cert-allowed-cn", ""}, {"peer-cert-allowed-hostname", ""},
	{"peer-auto-tls", "false"}, {"peer-crl-file", ""}, {"cipher-suites", ""},
	{"experimental-peer-skip-client-san-verification", "false"},

	{"host-whitelist", "*"}, {"auth-token", "simple"}, {"bcrypt-cost", "10"}, {"auth-token-ttl", "300"},
	{"metrics", "basic"},
	{"log-package-levels", ""}, {"force-new-cluster", "false"}, {"config-file", ""},

	{"experimental-initial-corrupt-check", "false"}, {"experimental-corrupt-check-time", "0s"},
}

// ignored are flags that etcd itself has ignored for years.
var ignored = []string{
	"cluster-active-size", "cluster-remove-delay", "cluster-sync-interval", "config", "force",
	"max-result-buffer", "max-retry-attempts", "peer-heartbeat-interval", "peer-election-timeout",
	"retry-interval", "snapshot", "v", "vv",
}

func declareUnbuilt(fs *pflag.FlagSet) {
	for _, f := range unbuilt {
		fs.String(f.name, f.value, "")
		hide(fs, f.name)
		if f.value == "true" || f.value == "false" {
			fs.Lookup(f.name).NoOptDefVal = "true"
		}
	}
	for _, name := range ignored {
		fs.String(name, "", "")
		hide(fs, name)
		fs.Lookup(name).NoOptDefVal = "true"
	}
}

func refuseUnbuilt(fs *pflag.FlagSet, warn func(string)) error {
	for _, f := range unbuilt {
		value := fs.Lookup(f.name).Value.String()
		if value == f.value {
			continue
		}
		return fmt.Errorf("--%s %s is not built yet; leave the flag out or give its default, %q", f.name, value, f.value)
	}
	for _, name := range ignored {
		if fs.Changed(name) {
			warn("flag --" + name + " is no longer supported; it has no effect")
		}
	}
	return nil
}
