// Package rpctypes holds the errors that cross the wire of the v3 API.
//
// An error of the server is a gRPC status: a code, which decides whether a client may
// try again, and a message, by which a client recognises the very error. The values
// named ErrGRPC… are those statuses; the values named Err… are what a client makes of
// them with [Error]: a small comparable [EtcdError].
//
//	server                      wire                        client
//	ErrGRPCEmptyKey   →   code 3, "etcdserver: key …"   →   Error(err) == ErrEmptyKey
//
// The package stands apart from the services so that a client can import it without
// importing a server.
package rpctypes

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Keys of the metadata (HTTP/2 headers) that clients send along with a call.
const (
	// MetadataRequireLeaderKey asks the member to refuse the call while it knows no leader.
	MetadataRequireLeaderKey = "hasleader"
	// MetadataHasLeader is the value that switches MetadataRequireLeaderKey on.
	MetadataHasLeader = "true"
	// MetadataClientAPIVersionKey names the client's own version, a label of a metric.
	MetadataClientAPIVersionKey = "client-api-version"
)

// Names under which a client presents its token. The first is preferred; the second
// is kept for the JSON gateway and for old clients.
const (
	TokenFieldNameGRPC    = "token"
	TokenFieldNameSwagger = "authorization"
)

// EtcdError is an error of the server as a client sees it. It is a value: two errors
// with the same code and message are equal.
type EtcdError struct {
	code codes.Code
	desc string
}

// Code returns the gRPC code that belongs to the error.
func (e EtcdError) Code() codes.Code { return e.code }

// Error returns the message alone, without the words that gRPC puts around it.
func (e EtcdError) Error() string { return e.desc }

// Error turns a status received from a server into the EtcdError with that message.
// An error that no server of this API sends is returned unchanged; nil stays nil.
func Error(err error) error {
	if err == nil {
		return nil
	}
	known, ok := byMessage[ErrorDesc(err)]
	if !ok {
		return err
	}
	return known
}

// ErrorDesc returns the message of a status error, or the text of any other error.
func ErrorDesc(err error) string {
	if s, ok := status.FromError(err); ok {
		return s.Message()
	}
	return err.Error()
}

// byMessage finds a known error by the message that travelled. Go initialises it
// before the client values, which are made through it.
var byMessage = func() map[string]EtcdError {
	m := make(map[string]EtcdError, len(serverErrors))
	for _, err := range serverErrors {
		s := status.Convert(err)
		m[s.Message()] = EtcdError{code: s.Code(), desc: s.Message()}
	}
	return m
}()
