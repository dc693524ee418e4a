package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"insideetcd/ch08-client/clientv3"
)

func (c *ctl) leaseCommand() *cobra.Command {
	return group("lease", "Lease related commands",
		c.leaseGrant(), c.leaseRevoke(), c.leaseTimeToLive(), c.leaseList(), c.leaseKeepAlive())
}

// parseLease reads the only argument of a command about one lease.
func parseLease(args []string, missing string) (clientv3.LeaseID, error) {
	if len(args) != 1 {
		return 0, badArgs("%s", missing)
	}
	id, err := strconv.ParseInt(args[0], 16, 64)
	if err != nil {
		return 0, badArgs("bad lease ID arg (%w), expecting ID in Hex", err)
	}
	return clientv3.LeaseID(id), nil
}

// withClient opens a client for one call that does not run on.
func (c *ctl) withClient(call func(context.Context, *clientv3.Client) error) error {
	client, err := c.open()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := c.globals.context()
	defer cancel()
	return call(ctx, client)
}

func (c *ctl) leaseGrant() *cobra.Command {
	return &cobra.Command{
		Use:   "grant <ttl>",
		Short: "Creates leases",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return badArgs("lease grant command needs TTL argument")
			}
			ttl, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return badArgs("bad TTL (%w)", err)
			}
			return c.withClient(func(ctx context.Context, client *clientv3.Client) error {
				r, err := client.Grant(ctx, ttl)
				if err != nil {
					return fmt.Errorf("failed to grant lease (%w)", err)
				}
				return c.display.Grant(r)
			})
		},
	}
}

func (c *ctl) leaseRevoke() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke <leaseID>",
		Short: "Revokes leases",
		RunE: func(_ *cobra.Command, args []string) error {
			id, err := parseLease(args, "lease revoke command needs 1 argument")
			if err != nil {
				return err
			}
			return c.withClient(func(ctx context.Context, client *clientv3.Client) error {
				r, err := client.Revoke(ctx, id)
				if err != nil {
					return fmt.Errorf("failed to revoke lease (%w)", err)
				}
				return c.display.Revoke(id, r)
			})
		},
	}
}

func (c *ctl) leaseTimeToLive() *cobra.Command {
	var keys bool
	cmd := &cobra.Command{
		Use:   "timetolive <leaseID> [options]",
		Short: "Get lease information",
		RunE: func(_ *cobra.Command, args []string) error {
			id, err := parseLease(args, "lease timetolive command needs lease ID as argument")
			if err != nil {
				return err
			}
			var opts []clientv3.LeaseOption
			if keys {
				opts = append(opts, clientv3.WithAttachedKeys())
			}
			return c.withClient(func(ctx context.Context, client *clientv3.Client) error {
				r, err := client.TimeToLive(ctx, id, opts...)
				if err != nil {
					return err
				}
				return c.display.TimeToLive(r, keys)
			})
		},
	}
	cmd.Flags().BoolVar(&keys, "keys", false, "with the keys of the lease")
	return cmd
}

func (c *ctl) leaseList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all active leases",
		RunE: func(*cobra.Command, []string) error {
			return c.withClient(func(ctx context.Context, client *clientv3.Client) error {
				r, err := client.Leases(ctx)
				if err != nil {
					return err
				}
				return c.display.Leases(r)
			})
		},
	}
}

func (c *ctl) leaseKeepAlive() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "keep-alive [options] <leaseID>",
		Short: "Keeps leases alive (renew)",
		RunE: func(_ *cobra.Command, args []string) error {
			id, err := parseLease(args, "lease keep-alive command needs lease ID as argument")
			if err != nil {
				return err
			}
			client, err := c.open()
			if err != nil {
				return err
			}
			defer client.Close()
			if once {
				r, err := client.KeepAliveOnce(context.Background(), id)
				if err != nil {
					return fail(exitBadConnection, err)
				}
				return c.display.KeepAlive(r)
			}
			return c.keepAlive(client, id)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "renew the lease now and end")
	return cmd
}

// keepAlive runs until the lease is gone.
func (c *ctl) keepAlive(client *clientv3.Client, id clientv3.LeaseID) error {
	answers, err := client.KeepAlive(context.Background(), id)
	if err != nil {
		return fail(exitBadConnection, err)
	}
	for r := range answers {
		if err := c.display.KeepAlive(r); err != nil {
			return err
		}
	}
	if _, ok := c.display.(*simpleDisplay); ok {
		say("lease %016x expired or revoked.\n", int64(id))
	}
	return nil
}
