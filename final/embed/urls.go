package embed

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// ParseURLs reads a comma-separated list of URLs as flags hold them, sorted as etcd sorts
// them (IDs depend on the order). The texts of the errors are etcd 3.4's.
func ParseURLs(s string) ([]url.URL, error) {
	if strings.TrimSpace(s) == "" {
		return nil, errors.New("no URL is given")
	}
	var urls []url.URL
	for _, part := range strings.Split(s, ",") {
		u, err := parseURL(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		urls = append(urls, *u)
	}
	slices.SortFunc(urls, func(a, b url.URL) int { return strings.Compare(a.String(), b.String()) })
	return urls, nil
}

func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "http", "https":
		if _, _, err := net.SplitHostPort(u.Host); err != nil {
			return nil, fmt.Errorf(`URL address does not have the form "host:port": %s`, s)
		}
		if u.Path != "" {
			return nil, fmt.Errorf("URL must not contain a path: %s", s)
		}
	case "unix", "unixs":
		if u.Host+u.Path == "" {
			return nil, fmt.Errorf("URL names no socket file: %s", s)
		}
	default:
		return nil, fmt.Errorf("URL scheme must be http, https, unix, or unixs: %s", s)
	}
	return u, nil
}

// parseInitialCluster reads name=url,name=url,…; a name may stand more than once, with
// another URL each time.
func parseInitialCluster(s string) (map[string][]string, error) {
	cluster := map[string][]string{}
	for _, part := range strings.Split(s, ",") {
		name, raw, _ := strings.Cut(strings.TrimSpace(part), "=")
		if name == "" {
			return nil, fmt.Errorf("--initial-cluster %q: %q names no member; the form is NAME=URL", s, part)
		}
		u, err := parseURL(raw)
		if err != nil {
			return nil, fmt.Errorf("--initial-cluster %q: member %q: %w", s, name, err)
		}
		cluster[name] = append(cluster[name], u.String())
	}
	for _, urls := range cluster {
		slices.Sort(urls)
	}
	return cluster, nil
}

func urlStrings(urls []url.URL) []string {
	out := make([]string, len(urls))
	for i := range urls {
		out[i] = urls[i].String()
	}
	return out
}

// checkBind wants an address that this machine can listen on: an IP or localhost, because
// a name could stand for another machine tomorrow.
func checkBind(u url.URL) error {
	if u.Scheme == "unix" {
		return nil
	}
	host, _, err := net.SplitHostPort(u.Host)
	if err != nil {
		return fmt.Errorf("missing port in given url to listen (%s)", u.String())
	}
	if host == "localhost" || host == "" || net.ParseIP(host) != nil {
		return nil
	}
	return fmt.Errorf("expected IP in URL for binding (%s)", u.String())
}
