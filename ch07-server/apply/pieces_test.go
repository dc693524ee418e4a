package apply

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
)

// A long list is sent from where it lies; what is sent is the same as if it was encoded.
func TestPiecesAreTheEncoding(t *testing.T) {
	m := newMember(t)
	for i := range 40 {
		m.put(fmt.Sprintf("k%02d", (i*7)%40), string(bytes.Repeat([]byte{byte(i)}, 1000)))
	}
	for _, tc := range []struct {
		name    string
		r       *pb.RangeRequest
		inPlace bool
	}{
		{"all", &pb.RangeRequest{}, true},
		{"a limit", &pb.RangeRequest{Limit: 30}, true},
		{"a limit that cuts nothing", &pb.RangeRequest{Limit: 40}, true},
		{"few", &pb.RangeRequest{Limit: 2}, false},
		{"keys only", &pb.RangeRequest{KeysOnly: true}, false},
		{"backwards", &pb.RangeRequest{SortOrder: pb.RangeRequest_DESCEND}, false},
		{"by value", &pb.RangeRequest{SortTarget: pb.RangeRequest_VALUE, SortOrder: pb.RangeRequest_DESCEND}, false},
		{"by value, keys only", &pb.RangeRequest{SortTarget: pb.RangeRequest_VALUE, KeysOnly: true}, false},
		{"a filter in the middle", &pb.RangeRequest{MinModRevision: 20}, false},
		{"count only", &pb.RangeRequest{CountOnly: true}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.r.Key, tc.r.RangeEnd = []byte("k"), []byte("l")
			resp := m.get(tc.r)
			resp.Header.ClusterId, resp.Header.RaftTerm = 1<<63, 4
			before, list, behind := resp.Pieces()
			require.Equal(t, tc.inPlace, list != nil)
			if tc.inPlace {
				require.Same(t, &resp.framed[0], &list[0], "not copied")
				require.Equal(t, resp.AppendTo(nil), slices.Concat(before, list, behind))
			}
			message, err := resp.Proto()
			require.NoError(t, err)
			want, err := message.MarshalVTStrict()
			require.NoError(t, err)
			require.Equal(t, want, resp.AppendTo(nil))
			resp.Release()
			resp.Release()
			require.Zero(t, len(resp.Kvs), "nobody sees memory that others write to")
		})
	}
}

// Whoever changes the list of an answer gets what he has made of it.
func TestPiecesOfAChangedList(t *testing.T) {
	m := newMember(t)
	for i := range 40 {
		m.put(fmt.Sprintf("k%02d", i), string(make([]byte, 1000)))
	}
	for name, change := range map[string]func(kvs []mvccpb.RawKeyValue) []mvccpb.RawKeyValue{
		"the first is gone": func(kvs []mvccpb.RawKeyValue) []mvccpb.RawKeyValue { return kvs[1:] },
		"one is gone":       func(kvs []mvccpb.RawKeyValue) []mvccpb.RawKeyValue { return slices.Delete(kvs, 7, 8) },
		"one is another": func(kvs []mvccpb.RawKeyValue) []mvccpb.RawKeyValue {
			kvs[7] = bytes.Clone(kvs[7])
			return kvs
		},
		"two are exchanged": func(kvs []mvccpb.RawKeyValue) []mvccpb.RawKeyValue {
			kvs[7], kvs[8] = kvs[8], kvs[7]
			return kvs
		},
		"one more": func(kvs []mvccpb.RawKeyValue) []mvccpb.RawKeyValue { return append(kvs, kvs[0]) },
	} {
		resp := m.get(&pb.RangeRequest{Key: []byte("k"), RangeEnd: []byte("l")})
		resp.Kvs = change(resp.Kvs)
		_, list, _ := resp.Pieces()
		require.Nil(t, list, name)
	}
}
