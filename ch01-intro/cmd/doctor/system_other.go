//go:build !linux && !darwin && !windows

package main

import (
	"errors"
	"os"
)

var errUnknown = errors.New("doctor does not know how to ask this system")

func datasync(f *os.File) error { return f.Sync() }

func memory() (uint64, error) { return 0, errUnknown }

type diskSpace struct {
	free       uint64
	fileSystem string
}

func space(string) (diskSpace, error) { return diskSpace{}, errUnknown }

func fileLimit() (uint64, error) { return 0, errUnknown }

func clockUnsynchronised() bool { return false }
