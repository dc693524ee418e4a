package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"insideetcd/ch08-client/clientv3"
)

// globals are the flags that every command has.
type globals struct {
	endpoints          []string
	dialTimeout        time.Duration
	commandTimeout     time.Duration
	keepAliveTime      time.Duration
	keepAliveTimeout   time.Duration
	writeOut           string
	hex, debug         bool
	insecureTransport  bool
	insecureSkipVerify bool
	insecureDiscovery  bool
	cert, key, cacert  string
	user, password     string
	discoverySRV       string
	discoverySRVName   string

	flags *pflag.FlagSet
}

func (g *globals) declare(fs *pflag.FlagSet) {
	g.flags = fs
	fs.StringSliceVar(&g.endpoints, "endpoints", []string{"127.0.0.1:2379"}, "client URLs of members")
	fs.BoolVar(&g.debug, "debug", false, "print the flags as environment variables")
	fs.StringVarP(&g.writeOut, "write-out", "w", "simple", "output format: fields, json, protobuf, simple or table")
	fs.BoolVar(&g.hex, "hex", false, "print keys and values as \\xNN")
	fs.DurationVar(&g.dialTimeout, "dial-timeout", 2*time.Second, "time for one attempt to connect")
	fs.DurationVar(&g.commandTimeout, "command-timeout", 5*time.Second, "time for a command that does not run on")
	fs.DurationVar(&g.keepAliveTime, "keepalive-time", 2*time.Second, "silence after which a connection is pinged")
	fs.DurationVar(&g.keepAliveTimeout, "keepalive-timeout", 6*time.Second, "time for the answer to a ping")
	fs.BoolVar(&g.insecureTransport, "insecure-transport", true, "no TLS, unless an endpoint or a certificate asks for it")
	fs.BoolVar(&g.insecureSkipVerify, "insecure-skip-tls-verify", false, "accept any server certificate (for tests only)")
	fs.BoolVar(&g.insecureDiscovery, "insecure-discovery", true, "accept members without TLS from SRV records")
	fs.StringVar(&g.cert, "cert", "", "file of the client's certificate")
	fs.StringVar(&g.key, "key", "", "file of the key to that certificate")
	fs.StringVar(&g.cacert, "cacert", "", "file of the authorities that servers' certificates come from")
	fs.StringVar(&g.user, "user", "", "username[:password]; asked for if the password is missing")
	fs.StringVar(&g.password, "password", "", "password of --user, which then holds the name only")
	fs.StringVarP(&g.discoverySRV, "discovery-srv", "d", "", "domain whose SRV records name the members")
	fs.StringVar(&g.discoverySRVName, "discovery-srv-name", "", "suffix of the service in those records")
}

const envPrefix = "ETCDCTL_"

// notFlags are variables with the prefix that are read elsewhere.
var notFlags = []string{"ETCDCTL_API", "ETCDCTL_WATCH_KEY", "ETCDCTL_WATCH_RANGE_END"}

func envName(flag string) string {
	return envPrefix + strings.ReplaceAll(strings.ToUpper(flag), "-", "_")
}

// fromEnvironment sets the global flags that were not given. One that stands in both
// places is an error. Empty variables count as absent.
func (g *globals) fromEnvironment(given *pflag.FlagSet, environ []string) error {
	var first error
	var known []string
	g.flags.VisitAll(func(f *pflag.Flag) {
		name := envName(f.Name)
		known = append(known, name)
		value := lookup(environ, name)
		switch {
		case value == "" || first != nil:
		case given.Changed(f.Name):
			fmt.Fprintln(os.Stderr, oldLog('C')+"pkg/flags: conflicting environment variable "+
				fmt.Sprintf("%q is shadowed by corresponding command-line flag (either unset environment variable or disable flag)", name))
			first = told(exitError)
		default:
			if err := given.Set(f.Name, value); err != nil {
				first = failf(exitError, "environment variable %s: %w", name, err)
			}
		}
	})
	if first != nil {
		return first
	}
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, envPrefix) && !slices.Contains(known, name) && !slices.Contains(notFlags, name) {
			fmt.Fprintln(os.Stderr, oldLog('W')+"pkg/flags: unrecognized environment variable "+kv)
		}
	}
	return nil
}

// oldLog is the head of a line as etcd 3.4 writes it before its logger is set up.
func oldLog(level rune) string {
	return time.Now().Format("2006-01-02 15:04:05.000000 ") + string(level) + " | "
}

// print writes the flags as variables, for --debug; passwords only as a mark.
func (g *globals) print(fs *pflag.FlagSet) {
	g.flags.VisitAll(func(f *pflag.Flag) {
		value := fs.Lookup(f.Name).Value.String()
		if name, password, ok := strings.Cut(value, ":"); f.Name == "user" && ok && password != "" {
			value = name + ":***"
		}
		if f.Name == "password" && value != "" {
			value = "***"
		}
		fmt.Fprintf(os.Stderr, "%s=%s\n", envName(f.Name), value)
	})
}

// client connects to endpoints, or to those of the flags if there are none.
func (g *globals) client(endpoints ...string) (*clientv3.Client, error) {
	cfg, err := g.config(endpoints)
	if err != nil {
		return nil, err
	}
	c, err := clientv3.New(cfg)
	if err != nil {
		return nil, fail(exitBadConnection, err)
	}
	return c, nil
}

func (g *globals) config(endpoints []string) (clientv3.Config, error) {
	var err error
	if len(endpoints) == 0 {
		if endpoints, err = g.endpointList(); err != nil {
			return clientv3.Config{}, err
		}
	}
	cfg := clientv3.Config{
		Endpoints:            endpoints,
		DialTimeout:          g.dialTimeout,
		DialKeepAliveTime:    g.keepAliveTime,
		DialKeepAliveTimeout: g.keepAliveTimeout,
		Logger:               jsonLines(os.Stderr),
	}
	if cfg.TLS, err = g.tls(); err != nil {
		return cfg, err
	}
	cfg.Username, cfg.Password, err = g.credentials()
	return cfg, err
}

// endpointList is where the members are: by DNS if asked, else as given.
func (g *globals) endpointList() ([]string, error) {
	if g.discoverySRV != "" {
		found, err := discover(g.discoverySRV, g.discoverySRVName, g.insecureDiscovery)
		return found, err
	}
	return g.endpoints, nil
}

// tls is nil when nothing asks for TLS but perhaps an endpoint, which the client sees
// itself.
func (g *globals) tls() (*tls.Config, error) {
	for _, f := range []struct{ name, value string }{{"cacert", g.cacert}, {"cert", g.cert}, {"key", g.key}} {
		if g.flags.Changed(f.name) && f.value == "" {
			return nil, badArgs("empty string is passed to --%s option", f.name)
		}
	}
	if (g.cert == "") != (g.key == "") {
		return nil, badArgs("KeyFile and CertFile must both be present[key: %v, cert: %v]", g.key, g.cert)
	}
	if g.cert == "" && g.cacert == "" && g.insecureTransport && !g.insecureSkipVerify {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: g.insecureSkipVerify}
	if g.cert != "" {
		pair, err := tls.LoadX509KeyPair(g.cert, g.key)
		if err != nil {
			return nil, fail(exitBadArgs, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	if g.cacert != "" {
		pem, err := os.ReadFile(g.cacert)
		if err != nil {
			return nil, fail(exitBadArgs, err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, badArgs("%s holds no certificate in PEM form", g.cacert)
		}
	}
	return cfg, nil
}

func (g *globals) credentials() (user, password string, err error) {
	if g.user == "" {
		return "", "", nil
	}
	if g.password != "" {
		return g.user, g.password, nil
	}
	user, password, ok := strings.Cut(g.user, ":")
	if user == "" {
		return "", "", badArgs("--user holds no name")
	}
	if !ok {
		if password, err = askPassword(); err != nil {
			return "", "", fail(exitIO, fmt.Errorf("read the password: %w", err))
		}
	}
	return user, password, nil
}

// askPassword reads a line without showing it, where standard input is a terminal.
func askPassword() (string, error) {
	fmt.Print("Password: ")
	restore := hideInput()
	defer restore()
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println()
	if err != nil && line == "" && !errors.Is(err, os.ErrClosed) {
		return "", nil // no input is an empty password
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// context bounds a command that does not run on.
func (g *globals) context() (context.Context, context.CancelFunc) {
	if g.commandTimeout == 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), g.commandTimeout)
}
