package clientv3

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"insideetcd/ch08-client/v3rpc"
	"insideetcd/ch08-client/v3rpc/stub"
)

// authority signs the certificates of a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	var der []byte
	template := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, a.key = a.sign(template, nil)
	var err error
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.pool = x509.NewCertPool()
	a.pool.AddCert(a.cert)
	return a
}

// sign completes the template; the first certificate of an authority signs itself.
func (a *authority) sign(template *x509.Certificate, names []string) ([]byte, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(a.t, err)
	template.Subject = pkix.Name{CommonName: "test"}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	parent, parentKey := a.cert, a.key
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	require.NoError(a.t, err)
	return der, key
}

// certificate is good for a server of these names, and for a client.
func (a *authority) certificate(names ...string) tls.Certificate {
	a.t.Helper()
	der, key := a.sign(&x509.Certificate{
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, names)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serveTLS runs a KV service behind cfg and returns its port.
func serveTLS(t *testing.T, l net.Listener, cfg *tls.Config) *moodyKV {
	t.Helper()
	k := &moodyKV{}
	s := grpc.NewServer(grpc.ForceServerCodecV2(v3rpc.Codec{}), grpc.Creds(credentials.NewTLS(cfg)))
	stub.RegisterKVServer(s, k)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); <-done })
	return k
}

func listenTCP(t *testing.T) (l net.Listener, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err = net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return l, port
}

// A certificate has to be signed by an authority that the client trusts, and to carry the
// host of the endpoint.
func TestWhichServersAClientTrusts(t *testing.T) {
	ours, other := newAuthority(t), newAuthority(t)
	trusting := &tls.Config{RootCAs: ours.pool}
	for _, c := range []struct {
		name     string
		server   tls.Certificate
		endpoint string // before the port
		client   *tls.Config
		err      string // "": the call succeeds
	}{
		{"an address", ours.certificate("127.0.0.1"), "https://127.0.0.1:", trusting, ""},
		{"a name", ours.certificate("localhost"), "https://localhost:", trusting, ""},
		{"TLS without the scheme", ours.certificate("127.0.0.1"), "127.0.0.1:", trusting, ""},
		{"TLS in spite of the scheme", ours.certificate("127.0.0.1"), "http://127.0.0.1:", trusting, ""},
		{"another name, told to expect it", ours.certificate("etcd.example"), "https://127.0.0.1:", &tls.Config{RootCAs: ours.pool, ServerName: "etcd.example"}, ""},
		{"not verified at all", other.certificate("nowhere"), "https://127.0.0.1:", &tls.Config{InsecureSkipVerify: true}, ""},
		{"another name", ours.certificate("etcd.example"), "https://127.0.0.1:", trusting, "x509: "},
		{"another authority", other.certificate("127.0.0.1"), "https://127.0.0.1:", trusting, "x509: certificate signed by unknown authority"},
		{"nobody but the system's authorities", ours.certificate("127.0.0.1"), "https://127.0.0.1:", nil, "x509: "},
		{"no TLS", ours.certificate("127.0.0.1"), "http://127.0.0.1:", nil, "Unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, port := listenTCP(t)
			k := serveTLS(t, l, &tls.Config{Certificates: []tls.Certificate{c.server}})
			client := open(t, Config{Endpoints: []string{c.endpoint + port}, TLS: c.client, DisableRetry: true})
			_, err := client.Put(soon(t), "a", "1")
			if c.err == "" {
				require.NoError(t, err)
				require.EqualValues(t, 1, k.calls.Load())
				return
			}
			require.ErrorContains(t, err, c.err)
			require.Zero(t, k.calls.Load(), "nothing was said to a server that is not trusted")
		})
	}
}

// Each endpoint is verified by its own host, also the one that comes into use after
// another has failed.
func TestEveryEndpointHasACertificateOfItsOwn(t *testing.T) {
	ca := newAuthority(t)
	byAddress, port1 := listenTCP(t)
	byName, port2 := listenTCP(t)
	one := serveTLS(t, byAddress, &tls.Config{Certificates: []tls.Certificate{ca.certificate("127.0.0.1")}})
	two := serveTLS(t, byName, &tls.Config{Certificates: []tls.Certificate{ca.certificate("localhost")}})
	client := open(t, Config{Endpoints: []string{"https://127.0.0.1:" + port1, "https://localhost:" + port2}, TLS: &tls.Config{RootCAs: ca.pool}})
	ctx := soon(t)
	for one.calls.Load() == 0 || two.calls.Load() == 0 {
		_, err := client.Get(ctx, "a")
		require.NoError(t, err, "one %d, two %d calls", one.calls.Load(), two.calls.Load())
	}
	client.SetEndpoints("https://localhost:" + port2)
	before := one.calls.Load()
	for range 10 {
		_, err := client.Get(ctx, "a")
		require.NoError(t, err)
	}
	require.LessOrEqual(t, one.calls.Load(), before+1, "one call may have been on its way to the endpoint that left")
}

// A server may want to see the certificate of its client.
func TestAClientShowsItsCertificate(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	for name, c := range map[string]struct {
		certificates []tls.Certificate
		ok           bool
	}{
		"one of the authority":     {[]tls.Certificate{ca.certificate("client")}, true},
		"one of another authority": {[]tls.Certificate{other.certificate("client")}, false},
		"none":                     {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			l, port := listenTCP(t)
			k := serveTLS(t, l, &tls.Config{Certificates: []tls.Certificate{ca.certificate("127.0.0.1")},
				ClientCAs: ca.pool, ClientAuth: tls.RequireAndVerifyClientCert})
			client := open(t, Config{Endpoints: []string{"https://127.0.0.1:" + port}, DisableRetry: !c.ok,
				TLS: &tls.Config{RootCAs: ca.pool, Certificates: c.certificates}})
			_, err := client.Put(soon(t), "a", "1")
			require.Equal(t, c.ok, err == nil, "%v", err)
			require.Equal(t, c.ok, k.calls.Load() == 1)
		})
	}
}

func TestTLSOverAUnixSocket(t *testing.T) {
	ca := newAuthority(t)
	dir, err := os.MkdirTemp("", "etcd") // short: the path of a socket has about 100 bytes
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	serveTLS(t, l, &tls.Config{Certificates: []tls.Certificate{ca.certificate("localhost")}})
	client := open(t, Config{Endpoints: []string{"unixs://" + path}, TLS: &tls.Config{RootCAs: ca.pool}})
	_, err = client.Put(soon(t), "a", "1")
	require.NoError(t, err)
}

// The real server: it asks for the client's certificate; calls, a watch and a lease work.
func TestTLSWithARealServer(t *testing.T) {
	if _, err := os.Stat(debianEtcd); err != nil {
		t.Skipf("no server to speak with: Debian's etcd is not installed (%v)", err)
	}
	ca, dir := newAuthority(t), t.TempDir()
	writePEM(t, filepath.Join(dir, "ca.pem"), "CERTIFICATE", ca.cert.Raw)
	server := ca.certificate("127.0.0.1")
	writePEM(t, filepath.Join(dir, "cert.pem"), "CERTIFICATE", server.Certificate[0])
	key, err := x509.MarshalECPrivateKey(server.PrivateKey.(*ecdsa.PrivateKey))
	require.NoError(t, err)
	writePEM(t, filepath.Join(dir, "key.pem"), "EC PRIVATE KEY", key)

	address, peer := nobody(t), nobody(t)
	cmd := exec.Command(debianEtcd, "--name", "m1", "--data-dir", filepath.Join(dir, "data"),
		"--listen-client-urls", "https://"+address, "--advertise-client-urls", "https://"+address,
		"--listen-peer-urls", "http://"+peer, "--initial-advertise-peer-urls", "http://"+peer, "--initial-cluster", "m1=http://"+peer,
		"--cert-file", filepath.Join(dir, "cert.pem"), "--key-file", filepath.Join(dir, "key.pem"),
		"--trusted-ca-file", filepath.Join(dir, "ca.pem"), "--client-cert-auth")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })

	client := open(t, Config{Endpoints: []string{"https://" + address},
		TLS: &tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{ca.certificate("client")}}})
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	first, err := client.Put(ctx, "a", "1")
	require.NoError(t, err)
	lease, err := client.Grant(ctx, 60)
	require.NoError(t, err)
	alive, err := client.KeepAlive(ctx, lease.ID)
	require.NoError(t, err)
	require.EqualValues(t, 60, (<-alive).TTL)
	w := client.Watch(ctx, "a", WithRev(first.Header.Revision))
	require.Equal(t, "1", string((<-w).Events[0].Kv.Value))

	bare := open(t, Config{Endpoints: []string{"https://" + address}, TLS: &tls.Config{RootCAs: ca.pool}, DisableRetry: true})
	_, err = bare.Put(ctx, "a", "2")
	require.Error(t, err, "without a certificate")
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}
