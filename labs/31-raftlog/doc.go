// Package raftlog is lab 3.1, the log of the production library: its tests drive one node of
// ch03-etcdraft/raft by hand, message by message and Ready by Ready, and say what Raft
// and the library's own contract expect of its log. README.md tells what is to be written.
package raftlog
