package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"insideetcd/ch06-storage/backend"
	"insideetcd/ch08-client/clientv3"
)

func (c *ctl) alarmCommand() *cobra.Command {
	list := &cobra.Command{
		Use:   "list",
		Short: "Lists all alarms",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 {
				return badArgs("alarm list command accepts no arguments")
			}
			return c.withClient(func(ctx context.Context, client *clientv3.Client) error {
				r, err := client.AlarmList(ctx)
				if err != nil {
					return err
				}
				return c.display.Alarm(r)
			})
		},
	}
	disarm := &cobra.Command{
		Use:   "disarm",
		Short: "Disarms all alarms",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 {
				return badArgs("alarm disarm command accepts no arguments")
			}
			return c.withClient(func(ctx context.Context, client *clientv3.Client) error {
				r, err := client.AlarmDisarm(ctx, &clientv3.AlarmMember{})
				if err != nil {
					return err
				}
				return c.display.Alarm(r)
			})
		},
	}
	return group("alarm", "Alarm related commands", list, disarm)
}

func (c *ctl) defragCommand() *cobra.Command {
	var all bool
	var dataDir string
	cmd := &cobra.Command{
		Use:   "defrag",
		Short: "Defragments the storage of the etcd members with given endpoints",
		RunE: func(*cobra.Command, []string) error {
			if dataDir != "" {
				return defragDataDir(dataDir)
			}
			return c.defrag(all)
		},
	}
	cmd.Flags().BoolVar(&all, "cluster", false, "all endpoints of the cluster's member list")
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "the data directory of a member that is not running, instead")
	return cmd
}

func (c *ctl) defrag(all bool) error {
	failed, err := c.visit(all, func(ctx context.Context, client *clientv3.Client, endpoint string) error {
		if _, err := client.Defragment(ctx, endpoint); err != nil {
			warn("Failed to defragment etcd member[%s] (%v)\n", endpoint, err)
			return err
		}
		say("Finished defragmenting etcd member[%s]\n", endpoint)
		return nil
	})
	if err != nil {
		return err
	}
	if failed != nil {
		return told(exitError)
	}
	return nil
}

// defragDataDir defragments the database of a member that is not running; while one is,
// its lock on the file stops this.
func defragDataDir(dir string) error {
	path := filepath.Join(dir, "member", "snap", "db")
	if _, err := os.Stat(path); err != nil { // opening would make a new database
		return fmt.Errorf("failed to defragment etcd data[%s] (%w)", dir, err)
	}
	b, err := backend.Open(backend.Config{Path: path, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("failed to defragment etcd data[%s] (%w)", dir, err)
	}
	if err := b.Defrag(); err != nil {
		_ = b.Close()
		return fmt.Errorf("failed to defragment etcd data[%s] (%w)", dir, err)
	}
	return b.Close()
}
