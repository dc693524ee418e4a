// Package mvccpb holds the value of the multi-version store: KeyValue, one version of one key,
// and Event, the change that watchers are told about.
//
// A KeyValue is encoded once, when it is put. Its bytes are the value in the backend, and the
// same bytes go out in range answers and watch events; RawKeyValue is their name in Go.
package mvccpb
