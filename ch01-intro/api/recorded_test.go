package api_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	_ "insideetcd/ch01-intro/api/authpb"
	pb "insideetcd/ch01-intro/api/etcdserverpb"
	_ "insideetcd/ch01-intro/api/leasepb"
	"insideetcd/ch01-intro/api/mvccpb"
	_ "insideetcd/ch01-intro/api/v3electionpb"
	_ "insideetcd/ch01-intro/api/v3lockpb"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// vtMessage is what the generator gives every message.
type vtMessage interface {
	proto.Message
	MarshalVT() ([]byte, error)
	MarshalVTStrict() ([]byte, error)
	UnmarshalVT([]byte) error
	SizeVT() int
}

// line is one line of the recording: where it was seen, what it is, its bytes.
type line struct {
	number            int
	sort, place, name string
	data              []byte
}

func (l line) String() string {
	return fmt.Sprintf("testdata/recorded.txt:%d %s %s %s", l.number, l.sort, l.place, l.name)
}

// recorded returns the lines of one sort: "answer", "entry" or "stored".
func recorded(t *testing.T, sort string) []line {
	t.Helper()
	f, err := os.Open("testdata/recorded.txt")
	require.NoError(t, err)
	defer f.Close()
	var lines []line
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for n := 1; s.Scan(); n++ {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		words := strings.Split(s.Text(), " ") // an empty message ends in a space
		require.Len(t, words, 4, "line %d", n)
		data, err := hex.DecodeString(words[3])
		require.NoError(t, err, "line %d", n)
		if words[0] == sort {
			lines = append(lines, line{n, words[0], words[1], words[2], data})
		}
	}
	require.NoError(t, s.Err())
	require.NotEmpty(t, lines, "the recording has no %q lines", sort)
	return lines
}

func newMessage(t *testing.T, name string) vtMessage {
	t.Helper()
	typ, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
	require.NoError(t, err)
	return typ.New().Interface().(vtMessage)
}

// requireSameBytes decodes what etcd wrote and encodes it again: nothing may be lost,
// added or moved. Nothing may be kept aside as unknown either: then a field is missing here.
func requireSameBytes(t *testing.T, l line, m vtMessage) {
	t.Helper()
	require.NoError(t, m.UnmarshalVT(l.data), l)
	requireAllKnown(t, l, m.ProtoReflect())
	require.Equal(t, len(l.data), m.SizeVT(), l)
	strict, err := m.MarshalVTStrict()
	require.NoError(t, err, l)
	require.Equal(t, hex.EncodeToString(l.data), hex.EncodeToString(strict), l)
}

func requireAllKnown(t *testing.T, l line, m protoreflect.Message) {
	t.Helper()
	require.Empty(t, m.GetUnknown(), "%s: fields that %s does not know", l, m.Descriptor().FullName())
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				requireAllKnown(t, l, v.List().Get(i).Message())
			}
		default:
			requireAllKnown(t, l, v.Message())
		}
		return true
	})
}

func TestAnswersOfEtcdKeepTheirBytes(t *testing.T) {
	for _, l := range recorded(t, "answer") {
		requireSameBytes(t, l, newMessage(t, l.name))
	}
}

func TestStoredMessagesOfEtcdKeepTheirBytes(t *testing.T) {
	for _, l := range recorded(t, "stored") {
		requireSameBytes(t, l, newMessage(t, l.name))
	}
}

func TestStoredKeyValuesReadTheSameRawAndDecoded(t *testing.T) {
	for _, l := range recorded(t, "stored") {
		if l.place != "key" {
			continue
		}
		raw := mvccpb.RawKeyValue(l.data)
		kv, err := raw.Decode()
		require.NoError(t, err, l)
		require.Equal(t, kv.Key, raw.Key(), l)
		require.Equal(t, kv.Value, raw.Value(), l)
		require.Equal(t, kv.CreateRevision, raw.CreateRevision(), l)
		require.Equal(t, kv.ModRevision, raw.ModRevision(), l)
		require.Equal(t, kv.Version, raw.Version(), l)
		require.Equal(t, kv.Lease, raw.Lease(), l)
		kv.Value = nil
		want, err := kv.MarshalVTStrict()
		require.NoError(t, err, l)
		require.Equal(t, want, []byte(raw.WithoutValue()), l)
	}
}

// The log holds two kinds of messages and no mark which is which. Every entry must be
// taken for what it was, and both kinds must keep their bytes.
func TestLogEntriesOfEtcdAreToldApartAndKeepTheirBytes(t *testing.T) {
	seen := make(map[string]bool)
	for _, l := range recorded(t, "entry") {
		raftReq, v2, err := pb.DecodeRaftEntry(l.data)
		require.NoError(t, err, l)
		if l.name == "Request" {
			require.Nil(t, raftReq, l)
			again, err := v2.Marshal()
			require.NoError(t, err, l)
			require.Equal(t, hex.EncodeToString(l.data), hex.EncodeToString(again), l)
			seen[v2.Method] = true
			continue
		}
		require.Nil(t, v2, l)
		requireSameBytes(t, l, new(pb.InternalRaftRequest))
		field := raftReq.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(l.name))
		require.NotNil(t, field, l)
		require.True(t, raftReq.ProtoReflect().Has(field), l)
		seen[l.name] = true
	}
	for _, kind := range []string{"PUT", "POST", "DELETE", "SYNC", "put", "txn", "compaction", "lease_grant", "authenticate", "alarm"} {
		require.True(t, seen[kind], "the recording holds no %s: record it again", kind)
	}
}
