package main

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// datasync is FlushFileBuffers: Windows has nothing less.
func datasync(f *os.File) error { return f.Sync() }

var globalMemoryStatusEx = windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")

func memory() (uint64, error) {
	var status struct { // MEMORYSTATUSEX
		length, load     uint32
		physical         uint64
		_, _, _, _, _, _ uint64 // free memory, page file, address space
	}
	status.length = uint32(unsafe.Sizeof(status))
	if done, _, err := globalMemoryStatusEx.Call(uintptr(unsafe.Pointer(&status))); done == 0 {
		return 0, err
	}
	return status.physical, nil
}

type diskSpace struct {
	free       uint64 // bytes that this user may take
	fileSystem string // not asked here
}

func space(dir string) (s diskSpace, err error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err == nil {
		err = windows.GetDiskFreeSpaceEx(name, &s.free, nil, nil)
	}
	return s, err
}

func fileLimit() (uint64, error) { return 0, nil } // handles are bounded by memory only

func clockUnsynchronised() bool { return false } // w32tm would need an administrator
