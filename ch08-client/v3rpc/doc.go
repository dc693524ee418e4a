// Package v3rpc is the gRPC side of the server (book §8.2): it checks a request, hands it
// to an EtcdServer, and gives the answer the form in which clients expect it.
//
// The life of a put, as far as this package sees it:
//
//	HTTP/2 frame → Codec.Unmarshal → gate.admit → kvServer.Put
//	                                                 checkPutRequest     (check.go)
//	                                                 EtcdServer.Put      (ch07: log, apply)
//	                                                 header.fill         (header.go)
//	HTTP/2 frame ← Codec.Marshal   ← togRPCError ←───┘                   (errors.go)
//
// Vocabulary. A service is a group of methods; its ServiceDesc says how a method's
// request is decoded and which handler gets it. A status is a gRPC code with a message. A
// stub is the code generated from a proto file (package stub). The gate is what every
// call passes before its handler: counting, and the rules that hold for all methods.
//
// Two things are done differently from generated code, both for speed. The answers of
// KV carry key-values as they are stored, already encoded, so KV has a ServiceDesc of
// its own whose handlers return ch07's answers, and [Codec] lets an answer append
// itself. And the gate is put around each method when a service is registered, with all
// counters resolved, instead of being an interceptor that looks them up at every call.
//
// A handler that panics brings the process down: a broken invariant must not go on
// answering. Input from outside never panics.
package v3rpc
