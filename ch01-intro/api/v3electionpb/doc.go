// Package v3electionpb holds the requests and answers of the Election service: the
// leader-election recipe of the client library, run by the server.
package v3electionpb
