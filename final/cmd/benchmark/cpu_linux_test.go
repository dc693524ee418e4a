package main

import (
	"crypto/sha256"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	for _, c := range []struct {
		name, stat string
		want       time.Duration
	}{
		{"plain", "42 (etcd) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 9", 1750 * time.Millisecond},
		{"a name with all that could mislead", "42 (a) R 1 (b) S 1 2 3 4 5 6 7 8 9 10 1 2 0 0", 30 * time.Millisecond},
	} {
		got, err := parseStat([]byte(c.stat))
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, got, c.name)
	}
	for _, bad := range []string{"", "42 etcd S", "42 (etcd) S 1 2 3", "42 (etcd) S 1 2 3 4 5 6 7 8 9 10 x y 0"} {
		_, err := parseStat([]byte(bad))
		require.Error(t, err, bad)
	}
}

func TestCPUTimeGrowsWithWork(t *testing.T) {
	self := []int{os.Getpid()}
	before, err := cpuTime(self)
	require.NoError(t, err)
	work := make([]byte, 1<<20)
	require.Eventually(t, func() bool {
		sha256.Sum256(work)
		now, err := cpuTime(self)
		return err == nil && now-before >= 5*clockTick
	}, time.Minute, time.Millisecond)

	_, err = cpuTime([]int{1 << 30})
	require.ErrorContains(t, err, "process 1073741824")
}

func TestServerPIDs(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::]:0"} {
		listener, err := net.Listen("tcp", listen)
		if err != nil {
			require.Equal(t, "[::]:0", listen, err) // a machine may have no IPv6
			continue
		}
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		pids, err := serverPIDs(t.Context(), []string{"127.0.0.1:" + port, "http://127.0.0.1:" + port})
		require.NoError(t, err, listen)
		require.Equal(t, []int{os.Getpid()}, pids, listen)

		require.NoError(t, listener.Close())
		_, err = serverPIDs(t.Context(), []string{"127.0.0.1:" + port})
		require.ErrorContains(t, err, "nothing on this machine listens")
	}
	_, err := serverPIDs(t.Context(), []string{"192.0.2.1:2379"}) // RFC 5737: nobody's
	require.ErrorContains(t, err, "not on this machine")
}

func TestListeningInode(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0200007F:094B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1
   1: 0100007F:094B 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 22 1
   2: 0100007F:094B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 33 1
   3: 00000000:094C 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 44 1
`
	require.Equal(t, "33", listeningInode(table, netip.MustParseAddrPort("127.0.0.1:2379")), "neither another address nor a connection")
	require.Equal(t, "44", listeningInode(table, netip.MustParseAddrPort("10.0.0.1:2380")), "listening on all addresses")
	require.Empty(t, listeningInode(table, netip.MustParseAddrPort("10.0.0.1:2379")))

	six := "0: 00000000000000000000000001000000:094B 0:0 0A 0 0 0 0 0 55"
	require.Equal(t, "55", listeningInode(six, netip.MustParseAddrPort("[::1]:2379")))
}
