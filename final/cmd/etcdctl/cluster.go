package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"insideetcd/ch08-client/clientv3"
	"insideetcd/ch08-client/v3rpc/rpctypes"
)

func (c *ctl) memberCommand() *cobra.Command {
	list := &cobra.Command{
		Use:   "list",
		Short: "Lists all members in the cluster",
		Long:  "With -w simple: ID, status, name, peer addresses, client addresses, is learner.",
		RunE: func(*cobra.Command, []string) error {
			return c.withClient(func(ctx context.Context, client *clientv3.Client) error {
				r, err := client.MemberList(ctx)
				if err != nil {
					return err
				}
				return c.display.MemberList(r)
			})
		},
	}
	return group("member", "Membership related commands", list)
}

func (c *ctl) endpointCommand() *cobra.Command {
	var all bool
	var rev int64
	health := &cobra.Command{
		Use:   "health",
		Short: "Checks the healthiness of endpoints specified in `--endpoints` flag",
		RunE:  func(*cobra.Command, []string) error { return c.endpointHealth(all) },
	}
	status := &cobra.Command{
		Use:   "status",
		Short: "Prints out the status of endpoints specified in `--endpoints` flag",
		Long: `With -w simple: endpoint, ID, version, db size, is leader, is learner, raft term,
raft index, raft applied index, errors.`,
		RunE: func(*cobra.Command, []string) error { return c.endpointStatus(all) },
	}
	hash := &cobra.Command{
		Use:   "hashkv",
		Short: "Prints the KV history hash for each endpoint in --endpoints",
		RunE:  func(*cobra.Command, []string) error { return c.endpointHashKV(all, rev) },
	}
	hash.Flags().Int64Var(&rev, "rev", 0, "last revision to hash (0: the newest)")
	g := group("endpoint", "Endpoint related commands", health, status, hash)
	g.PersistentFlags().BoolVar(&all, "cluster", false, "all endpoints of the cluster's member list")
	return g
}

// places are the endpoints to visit: those of the flags, or those of all members.
func (c *ctl) places(all bool) ([]string, error) {
	if !all {
		return c.globals.endpointList()
	}
	var out []string
	err := c.withClient(func(ctx context.Context, client *clientv3.Client) error {
		r, err := client.MemberList(ctx)
		if err != nil {
			return fmt.Errorf("failed to fetch endpoints from etcd cluster member list: %w", err)
		}
		for _, m := range r.Members {
			out = append(out, m.ClientURLs...)
		}
		return nil
	})
	return out, err
}

// endpointHealth asks all endpoints at the same time; who answers first stands first.
func (c *ctl) endpointHealth(all bool) error {
	if err := c.chooseDisplay(); err != nil {
		return err
	}
	places, err := c.places(all)
	if err != nil {
		return err
	}
	configs := make([]clientv3.Config, len(places))
	for i, p := range places { // BEFORE the goroutines: a password is asked for once at most
		if configs[i], err = c.globals.config([]string{p}); err != nil {
			return err
		}
	}
	var mu sync.Mutex
	list := []endpointHealth{}
	var asking sync.WaitGroup
	for _, cfg := range configs {
		asking.Go(func() {
			h := c.healthOf(cfg)
			mu.Lock()
			defer mu.Unlock()
			list = append(list, h)
		})
	}
	asking.Wait()
	if err := c.display.EndpointHealth(list); err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(h endpointHealth) bool { return !h.Health }) {
		return errors.New("unhealthy cluster")
	}
	return nil
}

// healthOf reads a key through consensus. Being forbidden to read it is an answer too.
func (c *ctl) healthOf(cfg clientv3.Config) endpointHealth {
	h := endpointHealth{Endpoint: cfg.Endpoints[0]}
	client, err := clientv3.New(cfg)
	if err != nil {
		h.Error = err.Error()
		return h
	}
	defer client.Close()
	ctx, cancel := c.globals.context()
	defer cancel()
	start := time.Now()
	_, err = client.Get(ctx, "health")
	h.Took = time.Since(start).String()
	h.Health = err == nil || errors.Is(err, rpctypes.ErrPermissionDenied)
	if !h.Health {
		h.Error = err.Error()
	}
	return h
}

func (c *ctl) endpointStatus(all bool) error {
	list := []endpointStatus{}
	failed, err := c.visit(all, func(ctx context.Context, client *clientv3.Client, endpoint string) error {
		r, err := client.Status(ctx, endpoint)
		if err != nil {
			warn("Failed to get the status of endpoint %s (%v)\n", endpoint, err)
			return err
		}
		list = append(list, endpointStatus{endpoint, r})
		return nil
	})
	if err != nil {
		return err
	}
	if err := c.display.EndpointStatus(list); err != nil {
		return err
	}
	if failed != nil {
		return told(exitError)
	}
	return nil
}

func (c *ctl) endpointHashKV(all bool, rev int64) error {
	list := []endpointHash{}
	failed, err := c.visit(all, func(ctx context.Context, client *clientv3.Client, endpoint string) error {
		r, err := client.HashKV(ctx, endpoint, rev)
		if err != nil {
			warn("Failed to get the hash of endpoint %s (%v)\n", endpoint, err)
			return err
		}
		list = append(list, endpointHash{endpoint, r})
		return nil
	})
	if err != nil {
		return err
	}
	if err := c.display.EndpointHashKV(list); err != nil {
		return err
	}
	return failed
}

// visit calls each endpoint in turn, each with the full time for a command. failed is
// the last call's error.
func (c *ctl) visit(all bool, call func(context.Context, *clientv3.Client, string) error) (failed, err error) {
	if err := c.chooseDisplay(); err != nil {
		return nil, err
	}
	places, err := c.places(all)
	if err != nil {
		return nil, err
	}
	client, err := c.globals.client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for _, p := range places {
		ctx, cancel := c.globals.context()
		if err := call(ctx, client, p); err != nil {
			failed = err
		}
		cancel()
	}
	return failed, nil
}
