// Package fileutil holds the few promises that the log and the snapshots need from a file
// system and that every operating system spells differently.
//
// A file is *locked* (this process alone works on it), *preallocated* (its blocks are there
// before they are needed, so that a full disk is met early and a sync need not write the
// file's size), *synced* (what was written survives a power cut) and, when enough newer ones
// exist, *purged*. A name is durable only after its directory was synced too: creating or
// renaming a file changes the directory, and a sync of the file does not write that.
//
//	promise               Linux                macOS               Windows
//	lock                  OFD lock             flock               LockFileEx
//	preallocate           fallocate            F_PREALLOCATE       set the end of the file
//	sync data only        fdatasync            F_FULLFSYNC         FlushFileBuffers
//	sync a directory      fsync                F_FULLFSYNC         not needed (NTFS journals names)
//
// Every lock here belongs to the open file, not to the process: two handles of one process
// exclude each other as two processes do. The purge loop relies on that.
package fileutil
