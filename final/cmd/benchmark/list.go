package main

import (
	"context"
	"fmt"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

// prefix is what all keys begin with; they lie before prefixEnd.
var prefix, prefixEnd = []byte("benchmk/"), []byte("benchmk0")

// pageSize is how many keys a page has, as Kubernetes asks for them.
const pageSize = 500

func list(ctx context.Context, c *client, _ int) error {
	return c.list(ctx, &pb.RangeRequest{})
}

func listKeys(ctx context.Context, c *client, _ int) error {
	return c.list(ctx, &pb.RangeRequest{KeysOnly: true})
}

func listCount(ctx context.Context, c *client, _ int) error {
	answer, err := c.kv.Range(ctx, &pb.RangeRequest{Key: prefix, RangeEnd: prefixEnd, CountOnly: true})
	if err != nil {
		return err
	}
	return c.all(int(answer.Count))
}

func (c *client) list(ctx context.Context, request *pb.RangeRequest) error {
	request.Key, request.RangeEnd = prefix, prefixEnd
	answer, err := c.kv.Range(ctx, request)
	if err != nil {
		return err
	}
	return c.all(len(answer.Kvs))
}

// listPages goes on behind the last key of a page, at the revision of the first one.
func listPages(ctx context.Context, c *client, _ int) error {
	found := 0
	request := &pb.RangeRequest{Key: prefix, RangeEnd: prefixEnd, Limit: pageSize}
	for {
		page, err := c.kv.Range(ctx, request)
		if err != nil {
			return err
		}
		found += len(page.Kvs)
		if !page.More || len(page.Kvs) == 0 {
			return c.all(found)
		}
		last := page.Kvs[len(page.Kvs)-1].Key
		request.Key = append(append([]byte(nil), last...), 0)
		request.Revision = page.Header.Revision
	}
}

func (c *client) all(found int) error {
	if found != c.o.keySpaceSize {
		return fmt.Errorf("the list has %d keys, but there are %d", found, c.o.keySpaceSize)
	}
	return nil
}
