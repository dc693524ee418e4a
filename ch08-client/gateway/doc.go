// Package gateway answers the v3 API in JSON over plain HTTP, as etcd 3.4 does: for
// shells, browsers and languages without gRPC.
//
//	POST /v3/kv/put {"key":"Zm9v","value":"YmFy"}
//	  │ routes: the path names a gRPC method, its descriptor the messages
//	  │ decodeMessage: JSON → PutRequest
//	  ├──▶ gRPC connection handed in ──▶ the same checks as for any other client
//	  │ appendMessage: PutResponse → JSON
//	  ▼
//	{"header":{"cluster_id":"14841639068965178418","member_id":"…","revision":"2","raft_term":"2"}}
//
// The JSON of 3.4 is older than protobuf's JSON mapping of today, and clients match on it,
// so the codec is a small one of our own on top of encoding/json (whose words reach the
// client when a value has the wrong type):
//
//	in   names as in the proto file or in camelCase (which wins when both are there);
//	     unknown names and everything behind the first value are ignored; null is "not
//	     given"; numbers may stand in quotes; enums by name or number
//	out  names as in the proto file; zero values left out, except the chosen one of a oneof;
//	     64-bit numbers in quotes, 32-bit ones bare; bytes in base64; enums by name
//
// A streaming method takes any number of JSON values from the body and answers with one
// line {"result":{…}} for each message, sent at once. The end of the body does not end a
// watch: the client ends it by closing the connection.
package gateway
