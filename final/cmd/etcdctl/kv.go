package main

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"insideetcd/ch08-client/clientv3"
)

// The flags and arguments of get, put and del become an Op in one place each: the lines
// of a transaction are such commands too.

type getFlags struct {
	consistency, order, sortBy string
	limit, rev                 int64
	prefix, fromKey            bool
	keysOnly, valueOnly        bool
}

func (f *getFlags) declare(fs *pflag.FlagSet) {
	fs.StringVar(&f.consistency, "consistency", "l", "l (linearizable) or s (serializable)")
	fs.StringVar(&f.order, "order", "", "order of the answer: ASCEND or DESCEND")
	fs.StringVar(&f.sortBy, "sort-by", "", "what to order by: CREATE, KEY, MODIFY, VALUE or VERSION")
	fs.Int64Var(&f.limit, "limit", 0, "most keys in the answer (0: no limit)")
	fs.BoolVar(&f.prefix, "prefix", false, "all keys that begin with the key")
	fs.BoolVar(&f.fromKey, "from-key", false, "the key and all after it")
	fs.Int64Var(&f.rev, "rev", 0, "revision to read at (0: the newest)")
	fs.BoolVar(&f.keysOnly, "keys-only", false, "without values")
	fs.BoolVar(&f.valueOnly, "print-value-only", false, "print values only, with -w simple")
}

var sortTargets = map[string]clientv3.SortTarget{
	"": clientv3.SortByKey, "KEY": clientv3.SortByKey, "CREATE": clientv3.SortByCreateRevision,
	"MODIFY": clientv3.SortByModRevision, "VALUE": clientv3.SortByValue, "VERSION": clientv3.SortByVersion,
}

var sortOrders = map[string]clientv3.SortOrder{
	"": clientv3.SortNone, "ASCEND": clientv3.SortAscend, "DESCEND": clientv3.SortDescend,
}

func (f *getFlags) op(args []string) (clientv3.Op, error) {
	var none clientv3.Op
	if len(args) == 0 {
		return none, badArgs("get command needs one argument as key and an optional argument as range_end")
	}
	opts, err := keyRange(args, f.prefix, f.fromKey)
	if err != nil {
		return none, err
	}
	switch f.consistency {
	case "l":
	case "s":
		opts = append(opts, clientv3.WithSerializable())
	default:
		return none, failf(exitBadFeature, "unknown consistency flag %q", f.consistency)
	}
	order, ok := sortOrders[strings.ToUpper(f.order)]
	if !ok {
		return none, failf(exitBadFeature, "bad sort order %v", f.order)
	}
	target, ok := sortTargets[strings.ToUpper(f.sortBy)]
	if !ok {
		return none, failf(exitBadFeature, "bad sort target %v", f.sortBy)
	}
	opts = append(opts, clientv3.WithLimit(f.limit), clientv3.WithSort(target, order))
	if f.rev > 0 {
		opts = append(opts, clientv3.WithRev(f.rev))
	}
	if f.keysOnly {
		opts = append(opts, clientv3.WithKeysOnly())
	}
	return clientv3.OpGet(args[0], opts...), nil
}

// keyRange is what args and flags of get and del say of the keys meant.
func keyRange(args []string, prefix, fromKey bool) ([]clientv3.OpOption, error) {
	switch {
	case prefix && fromKey:
		return nil, badArgs("`--prefix` and `--from-key` cannot be set at the same time, choose one")
	case len(args) > 1 && (prefix || fromKey):
		return nil, badArgs("too many arguments, only accept one argument when `--prefix` or `--from-key` is set")
	case len(args) > 1:
		return []clientv3.OpOption{clientv3.WithRange(args[1])}, nil
	case prefix:
		return []clientv3.OpOption{clientv3.WithPrefix()}, nil
	case fromKey:
		return []clientv3.OpOption{clientv3.WithFromKey()}, nil
	}
	return nil, nil
}

type delFlags struct{ prefix, fromKey, prevKV bool }

func (f *delFlags) declare(fs *pflag.FlagSet) {
	fs.BoolVar(&f.prefix, "prefix", false, "all keys that begin with the key")
	fs.BoolVar(&f.prevKV, "prev-kv", false, "answer what was deleted")
	fs.BoolVar(&f.fromKey, "from-key", false, "the key and all after it")
}

func (f *delFlags) op(args []string) (clientv3.Op, error) {
	if len(args) == 0 || len(args) > 2 {
		return clientv3.Op{}, badArgs("del command needs one argument as key and an optional argument as range_end")
	}
	opts, err := keyRange(args, f.prefix, f.fromKey)
	if err != nil {
		return clientv3.Op{}, err
	}
	if f.prevKV {
		opts = append(opts, clientv3.WithPrevKV())
	}
	return clientv3.OpDelete(args[0], opts...), nil
}

type putFlags struct {
	lease                            string
	prevKV, ignoreValue, ignoreLease bool
}

func (f *putFlags) declare(fs *pflag.FlagSet) {
	fs.StringVar(&f.lease, "lease", "0", "lease (in hex) that the key ends with")
	fs.BoolVar(&f.prevKV, "prev-kv", false, "answer what was there before")
	fs.BoolVar(&f.ignoreValue, "ignore-value", false, "keep the value")
	fs.BoolVar(&f.ignoreLease, "ignore-lease", false, "keep the lease")
}

// op reads a value that is not among args from stdin.
func (f *putFlags) op(args []string, stdin io.Reader) (clientv3.Op, error) {
	var none clientv3.Op
	if len(args) == 0 {
		return none, errPutArgs()
	}
	var value string
	switch {
	case f.ignoreValue && len(args) > 1:
		return none, badArgs("put command needs only 1 argument when 'ignore-value' is set")
	case f.ignoreValue:
	case len(args) > 1:
		value = args[1]
	default:
		b, err := io.ReadAll(stdin)
		if err != nil || len(b) == 0 {
			return none, errPutArgs()
		}
		value = string(b)
	}
	id, err := strconv.ParseInt(f.lease, 16, 64)
	if err != nil {
		return none, badArgs("bad lease ID (%w), expecting ID in Hex", err)
	}
	var opts []clientv3.OpOption
	if id != 0 {
		opts = append(opts, clientv3.WithLease(clientv3.LeaseID(id)))
	}
	if f.prevKV {
		opts = append(opts, clientv3.WithPrevKV())
	}
	if f.ignoreValue {
		opts = append(opts, clientv3.WithIgnoreValue())
	}
	if f.ignoreLease {
		opts = append(opts, clientv3.WithIgnoreLease())
	}
	return clientv3.OpPut(args[0], value, opts...), nil
}

func errPutArgs() error {
	return badArgs("put command needs 1 argument and input from stdin or 2 arguments")
}

// do sends one operation.
func (c *ctl) do(op clientv3.Op) (clientv3.OpResponse, error) {
	client, err := c.open()
	if err != nil {
		return clientv3.OpResponse{}, err
	}
	defer client.Close()
	ctx, cancel := c.globals.context()
	defer cancel()
	return client.Do(ctx, op)
}

func (c *ctl) getCommand() *cobra.Command {
	var f getFlags
	cmd := &cobra.Command{
		Use:   "get [options] <key> [range_end]",
		Short: "Gets the key or a range of keys",
		RunE: func(_ *cobra.Command, args []string) error {
			op, err := f.op(args)
			if err != nil {
				return err
			}
			r, err := c.do(op)
			if err != nil {
				return err
			}
			if f.valueOnly {
				simple, ok := c.display.(*simpleDisplay)
				if !ok {
					return fail(exitBadArgs, errors.New("print-value-only is only for `--write-out=simple`"))
				}
				simple.valueOnly = true
			}
			return c.display.Get(r.Get())
		},
	}
	f.declare(cmd.Flags())
	return cmd
}

func (c *ctl) putCommand() *cobra.Command {
	var f putFlags
	cmd := &cobra.Command{
		Use:   "put [options] <key> <value> (<value> can also be given from stdin)",
		Short: "Puts the given key into the store",
		Long: `Without <value> the value is read from standard input, up to its end.
A key or value that begins with '-' looks like a flag; write it after '--':

$ etcdctl put <key> -- <value>
$ etcdctl put -- <key> <value>`,
		RunE: func(_ *cobra.Command, args []string) error {
			op, err := f.op(args, os.Stdin)
			if err != nil {
				return err
			}
			r, err := c.do(op)
			if err != nil {
				return err
			}
			return c.display.Put(r.Put())
		},
	}
	f.declare(cmd.Flags())
	return cmd
}

func (c *ctl) delCommand() *cobra.Command {
	var f delFlags
	cmd := &cobra.Command{
		Use:   "del [options] <key> [range_end]",
		Short: "Removes the specified key or range of keys [key, range_end)",
		RunE: func(_ *cobra.Command, args []string) error {
			op, err := f.op(args)
			if err != nil {
				return err
			}
			r, err := c.do(op)
			if err != nil {
				return err
			}
			return c.display.Del(r.Del())
		},
	}
	f.declare(cmd.Flags())
	return cmd
}

func (c *ctl) compactionCommand() *cobra.Command {
	var physical bool
	cmd := &cobra.Command{
		Use:   "compaction [options] <revision>",
		Short: "Compacts the event history in etcd",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("compaction command needs 1 argument")
			}
			rev, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return fail(exitError, err)
			}
			var opts []clientv3.CompactOption
			if physical {
				opts = append(opts, clientv3.WithCompactPhysical())
			}
			client, err := c.open()
			if err != nil {
				return err
			}
			defer client.Close()
			ctx, cancel := c.globals.context()
			defer cancel()
			if _, err := client.Compact(ctx, rev, opts...); err != nil {
				return err
			}
			say("compacted revision %d\n", rev)
			return nil
		},
	}
	cmd.Flags().BoolVar(&physical, "physical", false, "wait until the old revisions have left the disk")
	return cmd
}
