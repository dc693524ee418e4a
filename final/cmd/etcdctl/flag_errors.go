package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"
)

// flagError words an error of a flag's value as etcdctl 3.4 does, with the reason that
// the parser of its type gives; newer versions of pflag have words of their own.
func flagError(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	flag, value := invalid.GetFlag(), invalid.GetValue()
	var reason error
	switch flag.Value.Type() {
	case "int64":
		_, reason = strconv.ParseInt(value, 0, 64)
	case "bool":
		_, reason = strconv.ParseBool(value)
	case "duration":
		_, reason = time.ParseDuration(value)
	}
	if reason == nil {
		return err
	}
	name := "--" + flag.Name
	if flag.Shorthand != "" {
		name = "-" + flag.Shorthand + ", " + name
	}
	return fmt.Errorf("invalid argument %q for %q flag: %w", value, name, reason)
}
