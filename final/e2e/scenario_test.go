package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScriptIsRead(t *testing.T) {
	s, err := ParseScenario("name", strings.Join([]string{
		"title: A title", "proves: one thing", "proves: and another",
		"server: --max-txn-ops 4 --name 'a b'", "identity: fixed", "",
		"# comment", "etcdctl txn", `| mod("a") = "1"`, "|", "| put a b", "= SUCCESS",
		"repeat 3 grpc KV/Put \\", "  key:\"k$I\"",
		"differs: S9", "restart", "=debian x", "=ours y",
		"etcdctl-differs: C", "until 2 A=b etcdctl watch -i", "open w grpc Watch/Watch", "send w create_request:{}", "recv w 3",
	}, "\n"))
	require.NoError(t, err)
	require.Equal(t, Scenario{
		Name: "name", Title: "A title", Proves: "one thing and another",
		ServerFlags: []string{"--max-txn-ops", "4", "--name", "a b"}, FixedIdentity: true,
		Steps: []Step{
			{Line: 8, Text: "etcdctl txn", Verb: "etcdctl", Rest: "txn", Repeat: 1,
				Input: "mod(\"a\") = \"1\"\n\nput a b\n", Want: []string{"SUCCESS"}},
			{Line: 14, Text: `repeat 3 grpc KV/Put key:"k$I"`, Verb: "grpc", Rest: `KV/Put key:"k$I"`, Repeat: 3},
			{Line: 16, Text: "restart", Verb: "restart", Repeat: 1, Differs: "S9",
				WantDebian: []string{"x"}, WantOurs: []string{"y"}},
			{Line: 20, Text: "until 2 A=b etcdctl watch -i", Env: []string{"A=b"}, Verb: "until", Count: 2, Rest: "etcdctl watch -i", Repeat: 1, CtlDiffers: "C"},
			{Line: 21, Text: "open w grpc Watch/Watch", Verb: "open", Name: "w", Rest: "grpc Watch/Watch", Repeat: 1},
			{Line: 22, Text: "send w create_request:{}", Verb: "send", Name: "w", Rest: "create_request:{}", Repeat: 1},
			{Line: 23, Text: "recv w 3", Verb: "recv", Name: "w", Rest: "3", Repeat: 1},
		},
	}, s)
}

func TestBadScriptsAreRefusedWithTheirLine(t *testing.T) {
	rows := []struct{ name, text, want string }{
		{"no title", "proves: x\nrestart", "title: and proves: are required"},
		{"no commands", "title: x\nproves: y", "no commands"},
		{"unknown command", "title: x\nproves: y\nrm -rf /", `line 3: unknown command "rm"`},
		{"mark without command", "title: x\nproves: y\nrestart\ndiffers: S9", "differs: S9 marks no command"},
		{"text before commands", "title: x\nproves: y\n= text", "line 3: stands before any command"},
		{"text of one server without a mark", "title: x\nproves: y\nrestart\n=ours text", "line 3: =debian and =ours need a differs: mark"},
		{"text of both under a mark", "title: x\nproves: y\ndiffers: S9\nrestart\n= text", "line 4: a marked command takes =debian and =ours"},
		{"late header", "title: x\nproves: y\nrestart\nserver: --name a", "line 4: server: stands above"},
		{"repeat without count", "title: x\nproves: y\nrepeat etcdctl get a", "line 3: repeat"},
		{"until without count", "title: x\nproves: y\nuntil etcdctl watch a", "line 3: until"},
		{"conversation without name", "title: x\nproves: y\nclose", "line 3: close: want the name"},
		{"mark of etcdctl without command", "title: x\nproves: y\nrestart\netcdctl-differs: C", "differs: C marks no command"},
		{"unfinished line", "title: x\nproves: y\nrestart\nkill \\", `last line ends in \`},
	}
	for _, row := range rows {
		_, err := ParseScenario("bad", row.text)
		require.ErrorContainsf(t, err, row.want, "%s", row.name)
	}
}

func TestWordsAreCutAsAShellDoes(t *testing.T) {
	words, err := splitWords(`put  'a b' "c \"d\"" $'\x00\u00e9' e'f'g ''`)
	require.NoError(t, err)
	require.Equal(t, []string{"put", "a b", `c "d"`, "\x00é", "efg", ""}, words)
	_, err = splitWords("put 'a")
	require.ErrorContains(t, err, "quote without end")
	require.Equal(t, "put k7 xyxyxy :1", expand("put k$I $(repeat xy 3) $EP", strings.NewReplacer("$I", "7", "$EP", ":1")))
}

func TestOutputIsMadeVisible(t *testing.T) {
	require.Equal(t, "plain é 鍵\ttab", printable("plain é 鍵\ttab"))
	require.Equal(t, `"a\x00b"`, printable("a\x00b"))
	require.Equal(t, `"\xff"`, printable("\xff"))
	long := strings.Repeat("x", 3000)
	require.Contains(t, printable(long), "(3000 bytes, sha256 ")
	require.NotEqual(t, printable(long), printable(long[:2999]+"y"), "the hash shows a change past the cut")
}

func TestMetricsArePickedByName(t *testing.T) {
	text := "# HELP a_total text\n# TYPE a_total counter\na_total{x=\"2\"} 1\na_total{x=\"1\"} 2\n# TYPE a_total_more gauge\na_total_more 3\n"
	require.Equal(t, "a_total counter\nb absent\na_total_more gauge\na_total_more 3\n",
		pickMetrics(text, []string{"a_total", "b", "a_total_more="}))
	require.Equal(t, "a_total counter\na_total{x=\"1\"} 2\na_total{x=\"2\"} 1\n", pickMetrics(text, []string{"a_total="}))
}
