// Package wire is the small vocabulary in which the hand-written messages spell out
// their protobuf encoding: raft's own, the log's, and etcdserverpb's Request and
// Metadata. Generated code would do, but these few layouts are part of the lesson, and
// they lie on raft's hot path, where nothing should be allocated.
//
// A message of the protobuf encoding is a row of fields. Each field is a tag (field
// number and wire type in one varint) and a value; here only two wire types occur:
//
//	08 96 01        field 1, a varint: 150
//	12 02 68 69     field 2, bytes of length 2: "hi" (also strings and nested messages)
//
// A writer is three functions that list the fields in ascending order: Size adds up,
// AppendTo writes, and the two must agree. Append… and Size… here come in such pairs. A
// reader is one loop over a Decoder:
//
//	d := wire.NewDecoder("walpb.Record", b)
//	for d.Next() {
//		switch d.Field() {
//		case 1:
//			r.Type = int64(d.Varint())
//		case 3:
//			r.Data = d.Bytes()
//		}
//	}
//	return d.Err()
//
// What the loop does not ask for is skipped, so fields of later versions do no harm.
// What it asks for must have the wire type that the question implies.
package wire
