package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"insideetcd/ch08-client/clientv3"
)

func (c *ctl) txnCommand() *cobra.Command {
	var interactive bool
	cmd := &cobra.Command{
		Use:   "txn [options]",
		Short: "Txn processes all the requests in one transaction",
		Long: `Reads from standard input: conditions, an empty line, what to do if all of them hold,
an empty line, what to do if not, an empty line. A condition is one of

  mod("key") > "0"    create("key") = "0"    ver("key") = "1"    lease("key") = "0"
  val("key") = "value"

with =, !=, < or >; what to do is a get, put or del with its flags.`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 {
				return badArgs("txn command does not accept argument")
			}
			return c.txn(bufio.NewReader(os.Stdin), interactive)
		},
	}
	cmd.Flags().BoolVarP(&interactive, "interactive", "i", false, "say what is expected next")
	return cmd
}

func (c *ctl) txn(in *bufio.Reader, prompts bool) error {
	say := func(text string) {
		if prompts {
			fmt.Println(text)
		}
	}
	say("compares:")
	cmps, err := readCompares(in)
	if err != nil {
		return err
	}
	say("success requests (get, put, del):")
	then, err := readOps(in)
	if err != nil {
		return err
	}
	say("failure requests (get, put, del):")
	otherwise, err := readOps(in)
	if err != nil {
		return err
	}
	r, err := c.do(clientv3.OpTxn(cmps, then, otherwise))
	if err != nil {
		return err
	}
	return c.display.Txn(r.Txn())
}

// readBlock calls use for each line up to an empty one. An end of the input before
// that is an error: half a transaction must not run.
func readBlock(in *bufio.Reader, use func(line string) error) error {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return fail(exitInvalidInput, err)
		}
		if line = line[:len(line)-1]; line == "" {
			return nil
		}
		if err := use(line); err != nil {
			return err
		}
	}
}

func readCompares(in *bufio.Reader) (cmps []clientv3.Cmp, err error) {
	err = readBlock(in, func(line string) error {
		cmp, err := parseCompare(line)
		cmps = append(cmps, cmp)
		return err
	})
	return cmps, err
}

func readOps(in *bufio.Reader) (ops []clientv3.Op, err error) {
	err = readBlock(in, func(line string) error {
		op, err := parseOp(line)
		ops = append(ops, op)
		return err
	})
	return ops, err
}

var compareTargets = map[string]func(string) clientv3.Cmp{
	"ver": clientv3.Version, "version": clientv3.Version,
	"c": clientv3.CreateRevision, "create": clientv3.CreateRevision,
	"m": clientv3.ModRevision, "mod": clientv3.ModRevision,
	"val": clientv3.Value, "value": clientv3.Value,
	"lease": clientv3.LeaseValue,
}

// parseCompare reads TARGET("KEY") OP "VALUE".
func parseCompare(line string) (clientv3.Cmp, error) {
	var none clientv3.Cmp
	target, rest, ok := strings.Cut(line, "(")
	if !ok {
		return none, failf(exitInvalidInput, "malformed comparison: %s", line)
	}
	var key, op, value string
	if n, err := fmt.Sscanf(rest, "%q) %s %q", &key, &op, &value); n != 3 || err != nil {
		return none, failf(exitInvalidInput, "malformed comparison: %s; got %s(%q) %s %q", line, target, key, op, value)
	}
	begin, ok := compareTargets[target]
	if !ok {
		return none, failf(exitInvalidInput, "malformed comparison: %s (unknown target %s)", line, target)
	}
	if op != "=" && op != "!=" && op != "<" && op != ">" {
		return none, failf(exitInvalidInput, "malformed comparison: %s (unknown operator %s)", line, op)
	}
	operand, err := compareOperand(target, value)
	if err != nil {
		return none, failf(exitInvalidInput, "invalid txn compare request: %s", line)
	}
	return clientv3.Compare(begin(key), op, operand), nil
}

// compareOperand: values are texts, leases hexadecimal as everywhere in etcdctl, the
// rest decimal.
func compareOperand(target, value string) (any, error) {
	switch target {
	case "val", "value":
		return value, nil
	case "lease":
		return strconv.ParseInt(value, 16, 64)
	}
	return strconv.ParseInt(value, 10, 64)
}

// parseOp reads a get, put or del as on the command line; but a put needs its value
// there: standard input holds the rest of the transaction.
func parseOp(line string) (op clientv3.Op, err error) {
	words := splitWords(line)
	if len(words) < 2 {
		return op, failf(exitInvalidInput, "invalid txn compare request: %s", line)
	}
	fs := pflag.NewFlagSet(words[0], pflag.ContinueOnError)
	fs.Usage = func() {}
	var parse func(args []string) (clientv3.Op, error)
	switch words[0] {
	case "get":
		var f getFlags
		f.declare(fs)
		parse = f.op
	case "put":
		var f putFlags
		f.declare(fs)
		parse = func(args []string) (clientv3.Op, error) { return f.op(args, strings.NewReader("")) }
	case "del":
		var f delFlags
		f.declare(fs)
		parse = f.op
	default:
		return op, failf(exitInvalidInput, "invalid txn request: %s", line)
	}
	if err := fs.Parse(words[1:]); err != nil {
		return op, failf(exitInvalidInput, "invalid txn request: %s", line)
	}
	return parse(fs.Args())
}
