package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

const envPrefix = "ETCD_"

// envName is the variable that stands for a flag: --data-dir is ETCD_DATA_DIR.
func envName(flag string) string {
	return envPrefix + strings.ReplaceAll(strings.ToUpper(flag), "-", "_")
}

// setFromEnvironment sets the flags that were not given from their variables. A flag
// that stands in both places is an error: one of them is forgotten, and nobody can know
// which. Empty variables count as absent. Variables that belong to no flag are
// reported by name only: their values may be secret.
func setFromEnvironment(fs *pflag.FlagSet, environ []string, warn func(string)) error {
	env := map[string]string{}
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok && value != "" && strings.HasPrefix(name, envPrefix) {
			env[name] = value
		}
	}
	var firstErr error
	fs.VisitAll(func(f *pflag.Flag) {
		name := envName(f.Name)
		value, ok := env[name]
		if !ok || f.Name == "version" {
			return
		}
		delete(env, name)
		var err error
		if f.Changed {
			err = fmt.Errorf("conflicting environment variable %q is shadowed by corresponding command-line flag (either unset environment variable or disable flag)", name)
		} else if setErr := fs.Set(f.Name, value); setErr != nil {
			err = fmt.Errorf("environment variable %s: %w", name, setErr)
		}
		if firstErr == nil {
			firstErr = err
		}
	})
	var unknown []string
	for name := range env {
		unknown = append(unknown, name)
	}
	slices.Sort(unknown) // a map has no order, but log lines should
	for _, name := range unknown {
		warn("unrecognized environment variable " + name)
	}
	return firstErr
}
