package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/model"
	"insideetcd/ch01-intro/model/compare"
	"insideetcd/ch01-intro/model/linear"
	"insideetcd/ch08-client/v3rpc/stub"
)

const (
	linearClients    = 5
	linearOperations = 50 // of each client
)

// TestServerIsLinearizable: clients read, write, and compare and swap a few keys at once;
// many give up before they are answered, and in the midst the server is killed and started
// again. There must be an order of it all that the model agrees with.
func TestServerIsLinearizable(t *testing.T) {
	s := start(t, ours(t), Options{})
	history := linear.NewHistory()
	var completed atomic.Int64
	half := make(chan struct{})
	var clients sync.WaitGroup
	for i := range linearClients {
		clients.Go(func() {
			c := &linearClient{id: i, random: rand.New(rand.NewPCG(*modelSeed, uint64(i))), kv: stub.NewKVClient(s.Conn), history: history}
			for range linearOperations {
				c.operate()
				if completed.Add(1) == linearClients*linearOperations/2 {
					close(half)
				}
			}
		})
	}
	<-half
	s.Kill()
	require.NoError(t, s.Start())
	clients.Wait()
	all, answered := history.Len()
	t.Logf("%d operations, %d of them without an outcome", all, all-answered)
	require.Less(t, answered, all, "nobody has given up: the test is too gentle")
	require.Greater(t, answered, all/2, "nearly everybody has given up: the test proves little")
	require.NoError(t, history.Check(time.Minute), "seed %d", *modelSeed)
}

type linearClient struct {
	id      int
	random  *rand.Rand
	kv      stub.KVClient
	history *linear.History
	version int64 // of the key that was read last
	writes  int
}

// operate does one operation, with little patience now and then.
func (c *linearClient) operate() {
	request := c.request()
	patience := callTimeout
	if c.random.IntN(5) == 0 {
		patience = time.Duration(c.random.IntN(3000)) * time.Microsecond
	}
	outcome := c.history.Do(c.id, request, func() compare.Outcome { return c.call(request, patience) })
	if r, ok := outcome.Response.(*pb.RangeResponse); ok && len(r.Kvs) > 0 {
		c.version = r.Kvs[0].Version
	}
}

func (c *linearClient) call(request any, patience time.Duration) compare.Outcome {
	response, err := ask(context.Background(), c.kv, nil, request, patience)
	var refusal *model.Error
	if err != nil && !errors.As(err, &refusal) {
		return compare.Outcome{}
	}
	return compare.Outcome{Response: response, Err: err}
}

func (c *linearClient) request() any {
	key := []byte(keysOfLinear[c.random.IntN(len(keysOfLinear))])
	c.writes++
	put := &pb.PutRequest{Key: key, Value: fmt.Appendf(nil, "%d.%d", c.id, c.writes), PrevKv: c.random.IntN(2) == 0}
	switch c.random.IntN(4) {
	case 0, 1:
		return &pb.RangeRequest{Key: key}
	case 2:
		return put
	}
	return &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: key, Target: pb.Compare_VERSION, TargetUnion: &pb.Compare_Version{Version: c.version}}},
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{RequestPut: put}}},
		Failure: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: key}}}},
	}
}

var keysOfLinear = []string{"a", "b"}
