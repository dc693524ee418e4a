package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"insideetcd/ch08-client/clientv3"
	"insideetcd/ch08-client/v3rpc/rpctypes"
)

// TestAlarmsEqualDebians fills a small database, also with several client URLs, so that
// tables have cells of more than one line.
func TestAlarmsEqualDebians(t *testing.T) {
	needDebian(t)
	ours := buildOurs(t)
	dir, client, second := t.TempDir(), freeAddress(t), freeAddress(t)
	urls := "http://" + client + ",http://" + second
	defer startEtcd(t, dir, client, freeAddress(t), "--quota-backend-bytes", "100000",
		"--listen-client-urls", urls, "--advertise-client-urls", urls)()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{client}})
	require.NoError(t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for err == nil {
		_, err = c.Put(ctx, "k", strings.Repeat("v", 10_000))
	}
	require.Equal(t, rpctypes.ErrNoSpace, err)

	same := func(args string) {
		t.Helper()
		words := append([]string{"--endpoints", client}, strings.Fields(args)...)
		require.Equal(t, command(t, debianCtl, dir, words...), command(t, ours, dir, words...), args)
	}
	for _, args := range []string{
		"put k v", "alarm list", "alarm list -w json", "alarm list -w protobuf", "alarm list -w table",
		"endpoint status", "endpoint status -w json", "endpoint status -w fields", "endpoint status -w table",
		"member list", "member list -w table", "member list -w fields",
		"alarm disarm --bogus",
	} {
		same(args)
	}
	require.Contains(t, command(t, ours, dir, "--endpoints", client, "alarm", "list", "-w", "fields"), `"AlarmType" : "NOSPACE"`)
	disarmed := command(t, ours, dir, "--endpoints", client, "alarm", "disarm")
	require.Regexp(t, `^memberID:\d+ alarm:NOSPACE \nexit status 0$`, disarmed)
	same("alarm list")
}
