// Package v3lockpb holds the requests and answers of the Lock service: the mutex recipe of the
// client library, run by the server.
package v3lockpb
