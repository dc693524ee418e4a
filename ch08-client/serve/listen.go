package serve

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"syscall"
)

// Listen opens the listener that a URL names: http://HOST:PORT listens on TCP, and
// unix://PATH on a socket file. It does nothing else, so a port that is in use is found
// out before anything was written.
func Listen(u url.URL) (net.Listener, error) {
	switch u.Scheme {
	case "http":
		l, err := net.Listen("tcp", u.Host)
		return l, explain(u, err)
	case "unix":
		path := u.Host + u.Path
		l, err := listenUnix(path)
		return l, explain(u, err)
	}
	return nil, fmt.Errorf("cannot listen on %s: scheme %q is not served; use http or unix", u.String(), u.Scheme)
}

func explain(u url.URL, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("cannot listen on %s: %w; stop the process that uses it or choose another URL", u.String(), err)
	}
	return fmt.Errorf("cannot listen on %s: %w", u.String(), err)
}

// listenUnix replaces a socket file that a killed process left behind: one that nobody
// answers on. Any other file in the way is kept, and is an error.
func listenUnix(path string) (net.Listener, error) {
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&fs.ModeSocket != 0 {
		c, err := net.Dial("unix", path)
		if err == nil {
			_ = c.Close()
			return nil, &net.OpError{Op: "listen", Net: "unix", Addr: &net.UnixAddr{Name: path, Net: "unix"}, Err: syscall.EADDRINUSE}
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	return net.Listen("unix", path)
}
