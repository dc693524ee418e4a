package main

import (
	"fmt"
	"net"
	"strings"
)

// discover finds members by the SRV records _etcd-client-ssl._tcp.DOMAIN (TLS) and
// _etcd-client._tcp.DOMAIN; suffix is appended to the service with a dash.
func discover(domain, suffix string, insecure bool) ([]string, error) {
	var endpoints []string
	var errs []string
	for _, kind := range []struct{ service, scheme string }{{"etcd-client-ssl", "https"}, {"etcd-client", "http"}} {
		service := kind.service
		if suffix != "" {
			service += "-" + suffix
		}
		_, records, err := net.LookupSRV(service, "tcp", domain)
		if err != nil {
			errs = append(errs, err.Error())
			continue
		}
		if kind.scheme == "http" && !insecure {
			continue
		}
		for _, r := range records {
			host := net.JoinHostPort(strings.TrimSuffix(r.Target, "."), fmt.Sprint(r.Port))
			endpoints = append(endpoints, kind.scheme+"://"+host)
		}
	}
	if len(errs) == 2 {
		return nil, fmt.Errorf("dns lookup errors: %s", strings.Join(errs, " and "))
	}
	return endpoints, nil
}
