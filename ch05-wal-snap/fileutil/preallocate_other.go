//go:build !linux && !darwin

package fileutil

import "os"

func reserve(*os.File, int64) error { return nil }

func reserveAndExtend(f *os.File, have, size int64) error { return extendTo(f, have, size) }
