//go:build !windows

package fileutil

import "os"

func syncDirHandle(d *os.File) error { return d.Sync() }
