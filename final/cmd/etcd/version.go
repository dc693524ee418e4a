package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"insideetcd/ch01-intro/version"
	"insideetcd/final/embed"
)

// printVersion prints the four lines that tools read, and then this project's own version.
func printVersion(w io.Writer) {
	fmt.Fprintf(w, "etcd Version: %s\n", version.Compatible)
	fmt.Fprintf(w, "Git SHA: %s\n", gitSHA())
	fmt.Fprintf(w, "Go Version: %s\n", runtime.Version())
	fmt.Fprintf(w, "Go OS/Arch: %s/%s\n", runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(w, "Inside etcd Version: %s\n", version.Own)
}

// gitSHA is the commit this command was built from, if the build knew it.
func gitSHA() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "Not provided"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 9 {
			return s.Value[:9]
		}
	}
	return "Not provided"
}

// printUsage prints every flag that works. The known ones that do not are left out.
func printUsage(w io.Writer) {
	fmt.Fprintf(w, `Usage:

  etcd [flags]      run a server
  etcd --version    print the version
  etcd --help       print this

Every flag can be given as an environment variable: --data-dir is %s.
Flags:

%s`, envName("data-dir"), newFlagSet(&options{cfg: embed.NewConfig()}).FlagUsages())
}
