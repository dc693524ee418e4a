package clientv3

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPrefixEnd(t *testing.T) {
	for _, c := range []struct{ prefix, end, why string }{
		{"a", "b", "the next byte"},
		{"a\xff", "b", "0xff has no next"},
		{"a\xff\xff", "b", ""},
		{"\xff", "\x00", "no key lies after: open end"},
		{"ab\x00", "ab\x01", ""},
	} {
		require.Equal(t, c.end, GetPrefixRangeEnd(c.prefix), c.why)
	}
	// [prefix, end) holds exactly the keys that begin with prefix.
	rapid.Check(t, func(t *rapid.T) {
		bytes := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0xfe, 0xff}), 1, 4)
		prefix, key := string(bytes.Draw(t, "prefix")), string(bytes.Draw(t, "key"))
		end := GetPrefixRangeEnd(prefix)
		inside := key >= prefix && (end == noEnd || key < end)
		if inside != strings.HasPrefix(key, prefix) {
			t.Fatalf("key %q, range [%q, %q)", key, prefix, end)
		}
	})
}

func TestAllKeys(t *testing.T) {
	for _, o := range []OpOption{WithPrefix(), WithFromKey()} {
		op := OpGet("", o)
		require.Equal(t, "\x00", string(op.KeyBytes()))
		require.Equal(t, noEnd, string(op.RangeBytes()))
	}
}

func TestOptionsThatDoNotFitPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"put of a range":     func() { OpPut("a", "b", WithPrefix()) },
		"put at a revision":  func() { OpPut("a", "b", WithRev(1)) },
		"get with a lease":   func() { OpGet("a", WithLease(1)) },
		"delete with limit":  func() { OpDelete("a", WithLimit(1)) },
		"then before if":     func() { (&txn{}).Then().If() },
		"unknown comparison": func() { Compare(Version("a"), ">=", 1) },
		"value with number":  func() { Compare(Value("a"), "=", 1) },
	} {
		require.Panics(t, f, name)
	}
}

func TestIsWrite(t *testing.T) {
	read := OpTxn(nil, []Op{OpGet("a")}, []Op{OpTxn(nil, []Op{OpGet("b")}, nil)})
	require.False(t, read.isWrite())
	require.True(t, OpTxn(nil, []Op{read}, []Op{OpTxn(nil, nil, []Op{OpDelete("b")})}).isWrite())
}

func TestEndpointsAreTakenApart(t *testing.T) {
	for in, want := range map[string]endpoint{
		"127.0.0.1:2379":         {"tcp", "127.0.0.1:2379", false},
		"http://127.0.0.1:2379":  {"tcp", "127.0.0.1:2379", false},
		"https://etcd.host:2379": {"tcp", "etcd.host:2379", true},
		"http://[::1]:2379/":     {"tcp", "[::1]:2379", false},
		"unix:///run/etcd.sock":  {"unix", "/run/etcd.sock", false},
		"unixs://localhost:1":    {"unix", "localhost:1", true},
		"unix:etcd.sock":         {"unix", "etcd.sock", false},
	} {
		require.Equal(t, want, parseEndpoint(in), in)
	}
	require.Equal(t, "etcd.host", parseEndpoint("https://etcd.host:2379").host())
}
