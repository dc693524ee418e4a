package main

import (
	"errors"
	"fmt"
	"os"

	"insideetcd/ch08-client/clientv3"
)

// display prints answers in one format. A format that cannot show an answer returns an
// error, which ends the program with exitBadFeature.
type display interface {
	Del(*clientv3.DeleteResponse) error
	Get(*clientv3.GetResponse) error
	Put(*clientv3.PutResponse) error
	Txn(*clientv3.TxnResponse) error
	Watch(*clientv3.WatchResponse) error

	Grant(*clientv3.LeaseGrantResponse) error
	Revoke(clientv3.LeaseID, *clientv3.LeaseRevokeResponse) error
	KeepAlive(*clientv3.LeaseKeepAliveResponse) error
	TimeToLive(r *clientv3.LeaseTimeToLiveResponse, keys bool) error
	Leases(*clientv3.LeaseLeasesResponse) error

	MemberList(*clientv3.MemberListResponse) error
	EndpointHealth([]endpointHealth) error
	EndpointStatus([]endpointStatus) error
	EndpointHashKV([]endpointHash) error
	Alarm(*clientv3.AlarmResponse) error
	SnapshotStatus(snapshotStatus) error
}

// newDisplay makes the display of a format.
func newDisplay(format string, hex bool) (display, error) {
	switch format {
	case "simple":
		return &simpleDisplay{hex: hex}, nil
	case "fields":
		return &fieldsDisplay{unsupported{"fields"}, hex}, nil
	case "json":
		return &jsonDisplay{}, nil
	case "protobuf":
		return &protobufDisplay{unsupported{"protobuf"}}, nil
	case "table":
		return &tableDisplay{unsupported{"table"}}, nil
	}
	return nil, failf(exitBadFeature, "unsupported output format")
}

// open makes the display and a client: what nearly every command needs. The format is
// looked at first, so that a command whose answer nobody could print is not sent.
func (c *ctl) open() (*clientv3.Client, error) {
	if err := c.chooseDisplay(); err != nil {
		return nil, err
	}
	return c.globals.client()
}

func (c *ctl) chooseDisplay() (err error) {
	c.display, err = newDisplay(c.globals.writeOut, c.globals.hex)
	return err
}

// unsupported refuses every kind of answer; formats override what they can show.
type unsupported struct{ format string }

func (u unsupported) refuse() error {
	return fail(exitBadFeature, errors.New(u.format+" not supported as output format"))
}

func (u unsupported) Del(*clientv3.DeleteResponse) error                           { return u.refuse() }
func (u unsupported) Get(*clientv3.GetResponse) error                              { return u.refuse() }
func (u unsupported) Put(*clientv3.PutResponse) error                              { return u.refuse() }
func (u unsupported) Txn(*clientv3.TxnResponse) error                              { return u.refuse() }
func (u unsupported) Watch(*clientv3.WatchResponse) error                          { return u.refuse() }
func (u unsupported) Grant(*clientv3.LeaseGrantResponse) error                     { return u.refuse() }
func (u unsupported) Revoke(clientv3.LeaseID, *clientv3.LeaseRevokeResponse) error { return u.refuse() }
func (u unsupported) KeepAlive(*clientv3.LeaseKeepAliveResponse) error             { return u.refuse() }
func (u unsupported) TimeToLive(*clientv3.LeaseTimeToLiveResponse, bool) error     { return u.refuse() }
func (u unsupported) Leases(*clientv3.LeaseLeasesResponse) error                   { return u.refuse() }
func (u unsupported) MemberList(*clientv3.MemberListResponse) error                { return u.refuse() }
func (u unsupported) EndpointHealth([]endpointHealth) error                        { return u.refuse() }
func (u unsupported) EndpointStatus([]endpointStatus) error                        { return u.refuse() }
func (u unsupported) EndpointHashKV([]endpointHash) error                          { return u.refuse() }
func (u unsupported) Alarm(*clientv3.AlarmResponse) error                          { return u.refuse() }
func (u unsupported) SnapshotStatus(snapshotStatus) error                          { return u.refuse() }

// endpointHealth, endpointStatus and endpointHash are what one endpoint answered.
type endpointHealth struct {
	Endpoint string `json:"endpoint"`
	Health   bool   `json:"health"`
	Took     string `json:"took"`
	Error    string `json:"error,omitempty"`
}

type endpointStatus struct {
	Endpoint string                   `json:"Endpoint"`
	Status   *clientv3.StatusResponse `json:"Status"`
}

type endpointHash struct {
	Endpoint string                   `json:"Endpoint"`
	HashKV   *clientv3.HashKVResponse `json:"HashKV"`
}

// snapshotStatus is what a snapshot file holds.
type snapshotStatus struct {
	Hash      uint32 `json:"hash"`
	Revision  int64  `json:"revision"`
	TotalKey  int    `json:"totalKey"`
	TotalSize int64  `json:"totalSize"`
}

// hexBytes writes every byte as \xNN.
func hexBytes(b []byte) string {
	out := make([]byte, 0, 4*len(b))
	for _, c := range b {
		out = fmt.Appendf(out, `\x%02x`, c)
	}
	return string(out)
}

func say(format string, args ...any)  { fmt.Fprintf(os.Stdout, format, args...) }
func warn(format string, args ...any) { fmt.Fprintf(os.Stderr, format, args...) }
