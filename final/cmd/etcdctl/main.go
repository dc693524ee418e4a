// Etcdctl is the command line client of the v3 API. Its commands, flags, outputs and
// exit codes are those of etcdctl 3.4, so that scripts need not know which of the two
// they call; the words of its help are its own.
//
// The way of a command: cobra finds it and parses its flags (root.go); the command makes
// a client (globals.go), asks ch08's clientv3, and hands the answer to a display
// (display.go), which is chosen by --write-out. What goes wrong becomes an exit code in
// one place (exit.go).
//
// What differs from 3.4.23: a comparison of leases in txn works, and an unknown operator
// is an error, where 3.4.23 panics; `alarm -w fields` prints; a value in the environment
// that its flag cannot take is an error; --debug does not print passwords.
package main

import (
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], os.Environ()))
}
