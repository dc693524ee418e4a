package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sampleMask hides the identity that the samples below were made with.
func sampleMask() *Mask {
	m := &Mask{}
	m.Hide("127.0.0.1:23790", "$EP")
	m.Hide("127.0.0.1:23800", "$PEER")
	m.Hide("3.4.23", "<version>")
	m.HideID(7101852577860610209, "<member>")
	m.HideID(15982699985640266139, "<cluster>")
	return m
}

// TestMasksHideWhatServersMayNotAgreeOn has a row for every place where one of
// the masked values is printed.
func TestMasksHideWhatServersMayNotAgreeOn(t *testing.T) {
	rows := []struct{ name, given, want string }{
		{"JSON header",
			`{"header":{"cluster_id":15982699985640266139,"member_id":7101852577860610209,"revision":3,"raft_term":2}}`,
			`{"header":{"cluster_id":<cluster>,"member_id":<member>,"revision":3,"raft_term":<term>}}`},
		{"gateway JSON quotes 64-bit numbers",
			`{"header":{"cluster_id":"15982699985640266139","member_id":"7101852577860610209","revision":"3","raft_term":"2"}}`,
			`{"header":{"cluster_id":"<cluster>","member_id":"<member>","revision":"3","raft_term":<term>}}`},
		{"fields header",
			"\"ClusterID\" : 15982699985640266139\n\"MemberID\" : 7101852577860610209\n\"Revision\" : 3\n\"RaftTerm\" : 2\n",
			"\"ClusterID\" : <cluster>\n\"MemberID\" : <member>\n\"Revision\" : 3\n\"RaftTerm\" : <term>\n"},
		{"protobuf text",
			`header: {cluster_id: 15982699985640266139 member_id: 7101852577860610209 revision: 3 raft_term: 2}`,
			`header: {cluster_id: <cluster> member_id: <member> revision: 3 raft_term: <term>}`},
		{"endpoint status",
			"127.0.0.1:23790, 628ed94ad692e8a1, 3.4.23, 25 kB, true, false, 2, 85, 86, \n",
			"$EP, <member>, <version>, <dbsize>, true, false, <term>, <index>, <index>, \n"},
		{"endpoint status --cluster",
			"http://127.0.0.1:23790, 628ed94ad692e8a1, 3.4.23, 1.1 MB, false, true, 2, 85, 86, \n",
			"http://$EP, <member>, <version>, <dbsize>, false, true, <term>, <index>, <index>, \n"},
		{"endpoint status as JSON",
			`[{"Endpoint":"127.0.0.1:23790","Status":{"header":{"revision":4,"raft_term":2},"version":"3.4.23","dbSize":24576,"leader":7101852577860610209,"raftIndex":85,"raftTerm":2,"raftAppliedIndex":85,"dbSizeInUse":20480}}]`,
			`[{"Endpoint":"$EP","Status":{"header":{"revision":4,"raft_term":<term>},"version":"<version>","dbSize":<dbsize>,"leader":<member>,"raftIndex":<index>,"raftTerm":<term>,"raftAppliedIndex":<index>,"dbSizeInUse":<dbsize>}}]`},
		{"endpoint status as fields",
			"\"Version\" : \"3.4.23\"\n\"DBSize\" : 24576\n\"Leader\" : 7101852577860610209\n\"RaftIndex\" : 85\n\"RaftAppliedIndex\" : 85\n",
			"\"Version\" : \"<version>\"\n\"DBSize\" : <dbsize>\n\"Leader\" : <member>\n\"RaftIndex\" : <index>\n\"RaftAppliedIndex\" : <index>\n"},
		{"health", "127.0.0.1:23790 is healthy: successfully committed proposal: took = 1.290213ms\n",
			"$EP is healthy: successfully committed proposal: took = <took>\n"},
		{"health as JSON", `[{"endpoint":"127.0.0.1:23790","health":true,"took":"947.901µs"}]`,
			`[{"endpoint":"$EP","health":true,"took":<took>}]`},
		{"member list", "628ed94ad692e8a1, started, m1, http://127.0.0.1:23800, http://127.0.0.1:23790, false\n",
			"<member>, started, m1, http://$PEER, http://$EP, false\n"},
		{"member list as JSON", `"members":[{"ID":7101852577860610209,"name":"m1","peerURLs":["http://127.0.0.1:23800"]}]`,
			`"members":[{"ID":<member>,"name":"m1","peerURLs":["http://$PEER"]}]`},
		{"/version", `{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}`, `{"etcdserver":"<version>","etcdcluster":"3.4.0"}`},
		{"etcdctl's log", `{"level":"warn","ts":"2026-11-22T17:35:39.794Z","caller":"clientv3/retry_interceptor.go:62","target":"endpoint://client-d7e02f05-368e-4725-98f9-cd0b60172365/127.0.0.1:23790","attempt":0}`,
			`{"level":"warn","ts":"<time>","caller":"<caller>","target":"<resolver>/$EP","attempt":0}`},
		{"time as a number", `{"level":"warn","ts":1795383242.49,"caller":"x"}`, `{"level":"warn","ts":"<time>","caller":"<caller>"}`},
		{"progress that only 3.4 logs", "a\nstderr: {\"level\":\"info\",\"msg\":\"saved\"}\n[exit 0]\n", "a\n[exit 0]\n"},
		{"snapshot status", "46389e3a, 7, 10, 25 kB\n", "46389e3a, 7, 10, <size>\n"},
		{"snapshot status as a table", "| 46389e3a |        7 |         10 | 25 kB      |\n", "| 46389e3a |        7 |         10 | <size> |\n"},
		{"snapshot status as JSON", `{"hash":1178115642,"revision":7,"totalKey":10,"totalSize":24576}`, `{"hash":1178115642,"revision":7,"totalKey":10,"totalSize":<size>}`},
		{"snapshot status as fields", "\"Revision\" : 7\n\"Size\" : 24576\n", "\"Revision\" : 7\n\"Size\" : <size>\n"},
		{"hash over the pages of a snapshot", "Error: expected sha256 [1 22], got [3 255]\n", "Error: expected sha256 <hash>, got <hash>\n"},
		{"timetolive", "lease 0000000000000007 granted with TTL(100s), remaining(99s)\n", "lease 0000000000000007 granted with TTL(100s), remaining(<ttl>)\n"},
		{"timetolive as fields", "\"TTL\" : 99\n\"GrantedTTL\" : 100\n\"TTL\" : -1\n", "\"TTL\" : <ttl>\n\"GrantedTTL\" : 100\n\"TTL\" : -1\n"},
		{"timetolive as JSON", `{"id":7,"ttl":99,"granted-ttl":100}`, `{"id":7,"ttl":<ttl>,"granted-ttl":100}`},
		{"timetolive by the gateway", `{"ID":"7","TTL":"99","grantedTTL":"100"}`, `{"ID":"7","TTL":<ttl>,"grantedTTL":"100"}`},
		{"HTTP", "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 17:35:39 GMT\nX-Etcd-Cluster-Id: ddcdf4f4fbba999b\n",
			"HTTP/1.1 200 OK\r\nDate: <time>\nX-Etcd-Cluster-Id: <cluster>\n"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.want, sampleMask().Apply(row.given))
		})
	}
}

// TestMasksHideTables: tables change their layout with the masked values.
func TestMasksHideTables(t *testing.T) {
	status := func(rule, head, row string) string { return rule + head + rule + row + rule }
	narrow := status("+-----------------+-----+\n", "|    ENDPOINT     | ID  |\n", "| 127.0.0.1:23790 | 628ed94ad692e8a1 |  3.4.23 |   25 kB |      true |      false |         2 |         85 |                 85 |        |\n")
	wide := status("+------------------+-----+\n", "|     ENDPOINT     | ID  |\n", "| 127.0.0.1:23790 |  628ed94ad692e8a1 |  3.4.23 |   1.1 MB |      true |      false |       12 |       1185 |               1185 |        |\n")
	want := "| $EP | <member> | <version> | <dbsize> | true | false | <term> | <index> | <index> | |\n"
	assert.Contains(t, squeezeTable(sampleMask().Apply(narrow)), want)
	assert.Equal(t, squeezeTable(sampleMask().Apply(narrow)), squeezeTable(sampleMask().Apply(wide)))

	health := "| 127.0.0.1:23790 |   true | 1.667901ms |       |\n"
	assert.Equal(t, "| $EP | true | <took> | |\n", squeezeTable(sampleMask().Apply(health)))
}

// TestMasksLetRevisionsPass: a mask that eats a revision, a count, a key, a
// value or a hash would hide exactly what scenarios are for. Every sentinel
// must come through in every format.
func TestMasksLetRevisionsPass(t *testing.T) {
	samples := []string{
		`{"header":{"cluster_id":15982699985640266139,"revision":7101,"raft_term":2},"kvs":[{"key":"Nzg3ODc4","create_revision":7102,"mod_revision":7103,"version":7104,"value":"Nzg3ODc4","lease":7105}],"count":7106}`,
		"\"Revision\" : 7101\n\"RaftTerm\" : 2\n\"Key\" : \"7102\"\n\"CreateRevision\" : 7103\n\"ModRevision\" : 7104\n\"Version\" : 7105\n\"Value\" : \"7106\"\n\"Lease\" : 7107\n\"Count\" : 7108\n",
		"header: {cluster_id: 15982699985640266139 revision: 7101 raft_term: 2}\nkvs: {key: \"7102\" create_revision: 7103 mod_revision: 7104 version: 7105 value: \"7106\"}\ncount: 7107\n",
		`[{"Endpoint":"127.0.0.1:23790","HashKV":{"header":{"revision":7101,"raft_term":2},"hash":7102,"compact_revision":7103}}]`,
		"7101\n7102\n2\n25 kB\n7103, 7104, true, false, 2, 85, 85,\n",
		"compacted revision 7101\n127.0.0.1:23790, 7102\n",
		`{"header":{"revision":7101},"deleted":7102,"prev_kvs":[{"mod_revision":7103}]}`,
		"deleted: 7101\nresponses: {response_put: {header: {revision: 7102}}}\nsucceeded: true\n",
		`"MemberID" : 7101852577860610209, "Revision" : 7101`, // a prefix of the member's ID
		"value 7101.3.4.237102 3.4.2371033.4.23",              // not the version as a word
		"etcd_debugging_mvcc_keys_total 7101\netcd_mvcc_put_total 7102\n",
		"[InvalidArgument] etcdserver: key is not provided 7101\n[exit 7102]\n",
	}
	for _, sample := range samples {
		masked := sampleMask().Apply(sample)
		for n := 7101; n <= 7108; n++ {
			sentinel := []byte{byte('0' + n/1000), byte('0' + n/100%10), byte('0' + n/10%10), byte('0' + n%10)}
			given := strings.Count(strings.ReplaceAll(sample, "7101852577860610209", ""), string(sentinel))
			require.Equalf(t, given, strings.Count(masked, string(sentinel)),
				"%s was eaten\ngiven: %s\nmasked: %s", sentinel, sample, masked)
		}
	}
}

func TestHelpIsHidden(t *testing.T) {
	require.Equal(t, "before\n<help>\n[exit 0]\n", hideHelp("before\nNAME:\n\tetcdctl - words\n\nOPTIONS:\n[exit 0]\n"))
	require.Equal(t, "<help>\n[exit 2]\n", hideHelp("stderr: NAME:\nstderr: \tetcdctl\n[exit 2]\n"))
	require.Equal(t, "NAME: x\n[exit 0]\n", hideHelp("NAME: x\n[exit 0]\n"))
}

// TestMasksOfOthersDoNotApply: an ID or address is hidden only if it is this
// server's own.
func TestMasksOfOthersDoNotApply(t *testing.T) {
	foreign := "628ed94ad692e8a2, started, m1, http://127.0.0.1:23801, http://127.0.0.1:2379, false\n"
	require.Equal(t, foreign, sampleMask().Apply(foreign))
	require.Equal(t, "127.0.0.1:237901", sampleMask().Apply("127.0.0.1:237901"))
}

// TestEveryMaskIsUsed proves that no mask is dead: each changes some sample.
func TestEveryMaskIsUsed(t *testing.T) {
	samples := "stderr: 2026-11-22 21:34:34.134402 C |\nraft_term: 2\nraftIndex: 3\ndbSize: 9\n\"took\":\"1ms\"\ntook = 1ms\n| $EP | true | 1ms | |\n" +
		"$EP, a, b, 25 kB, true, false, 2, 85, 85, \n| $EP | a | b | 25 kB | true | false | 2 | 85 | 85 | |\n" +
		"\"ts\":\"2026-11-22T17:35:39.794Z\"\n1a, 7, 10, 25 kB\n| 1a | 7 | 10 | 25 kB |\n\"Size\" : 9\nexpected sha256 [1 2], got [3 4]\nremaining(9s)\n\"TTL\" : 99\n\"ttl\":99\n\"caller\":\"a.go:1\"\n\"target\":\"passthrough:///x\"\nstderr: {\"level\":\"info\"}\nDate: now\n"
	names := map[string]bool{}
	for _, mask := range fieldMasks {
		require.Falsef(t, names[mask.name], "two masks named %s", mask.name)
		names[mask.name] = true
		matches := func(line string) bool { return mask.pattern.MatchString(line) }
		lines := slices.Collect(strings.Lines(samples))
		require.Truef(t, slices.ContainsFunc(lines, matches), "mask %s matches nothing", mask.name)
	}
}
