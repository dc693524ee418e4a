package v2_test

import (
	"encoding/json"
	"fmt"
	"time"

	v2 "insideetcd/ch01-intro/model/v2"
)

// noon is when the stories begin.
var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// story tells what happens to a tree, a line an operation: the index after it, and the
// answer as HTTP gives it.
type story struct{ *v2.Tree }

func begin() story { return story{v2.New(0, noon)} }

func (s story) told(e *v2.Event, err error) {
	var answer any = e
	if err != nil {
		answer = err
	}
	text, _ := json.Marshal(answer)
	fmt.Printf("at %d  %s\n", s.Index(), text)
}

func file(value string) v2.Write { return v2.Write{Value: value} }

func in(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// Every change has an index. Set makes a new node each time, update changes the one there is.
func ExampleTree_Set() {
	s := begin()
	s.told(s.Set("/a", file("1")))
	s.told(s.Set("/a", file("2")))
	s.told(s.Update("/a", file("3")))
	s.told(s.Get("/a", false))
	s.told(s.Set("/", file("")))
	s.told(s.Set("/a/b", file("")))
	// Output:
	// at 1  {"action":"set","node":{"key":"/a","value":"1","modifiedIndex":1,"createdIndex":1}}
	// at 2  {"action":"set","node":{"key":"/a","value":"2","modifiedIndex":2,"createdIndex":2},"prevNode":{"key":"/a","value":"1","modifiedIndex":1,"createdIndex":1}}
	// at 3  {"action":"update","node":{"key":"/a","value":"3","modifiedIndex":3,"createdIndex":2},"prevNode":{"key":"/a","value":"2","modifiedIndex":2,"createdIndex":2}}
	// at 3  {"action":"get","node":{"key":"/a","value":"3","modifiedIndex":3,"createdIndex":2}}
	// at 3  {"errorCode":107,"message":"Root is read only","cause":"/","index":3}
	// at 3  {"errorCode":104,"message":"Not a directory","cause":"/a","index":3}
}

// Directories are made around a file as needed. A listing goes one level deep, or all the
// way, and leaves hidden names out.
func ExampleTree_Get() {
	s := begin()
	s.Set("/dir/b", file("1"))
	s.Set("/dir/a/c", file("2"))
	s.Set("/dir/_hidden", file("3"))
	s.Set("/empty", v2.Write{Dir: true})
	s.told(s.Get("/", false))
	s.told(s.Get("/dir", true))
	s.told(s.Get("/dir/_hidden", false))
	s.told(s.Get("/dir/none/x", false))
	// Output:
	// at 4  {"action":"get","node":{"dir":true,"nodes":[{"key":"/dir","dir":true,"modifiedIndex":1,"createdIndex":1},{"key":"/empty","dir":true,"modifiedIndex":4,"createdIndex":4}]}}
	// at 4  {"action":"get","node":{"key":"/dir","dir":true,"nodes":[{"key":"/dir/a","dir":true,"nodes":[{"key":"/dir/a/c","value":"2","modifiedIndex":2,"createdIndex":2}],"modifiedIndex":2,"createdIndex":2},{"key":"/dir/b","value":"1","modifiedIndex":1,"createdIndex":1}],"modifiedIndex":1,"createdIndex":1}}
	// at 4  {"action":"get","node":{"key":"/dir/_hidden","value":"3","modifiedIndex":3,"createdIndex":3}}
	// at 4  {"errorCode":100,"message":"Key not found","cause":"/dir/none","index":4}
}

// Create makes only what is not there; in order, it finds the names itself.
func ExampleTree_CreateInOrder() {
	s := begin()
	s.told(s.CreateInOrder("/queue", file("first")))
	s.told(s.CreateInOrder("/queue", file("second")))
	s.told(s.Create("/queue", file("")))
	// Output:
	// at 1  {"action":"create","node":{"key":"/queue/00000000000000000001","value":"first","modifiedIndex":1,"createdIndex":1}}
	// at 2  {"action":"create","node":{"key":"/queue/00000000000000000002","value":"second","modifiedIndex":2,"createdIndex":2}}
	// at 2  {"errorCode":105,"message":"Key already exists","cause":"/queue","index":2}
}

// A swap or a deletion can depend on the value and the index of a file.
func ExampleTree_CompareAndSwap() {
	s := begin()
	s.Set("/a", file("1"))
	s.Set("/dir", v2.Write{Dir: true})
	s.told(s.CompareAndSwap("/a", "1", 0, file("2")))
	s.told(s.CompareAndSwap("/a", "1", 1, file("3")))
	s.told(s.CompareAndSwap("/a", "2", 1, file("3")))
	s.told(s.CompareAndSwap("/dir", "1", 0, file("3")))
	s.told(s.CompareAndSwap("/none", "1", 0, file("3")))
	s.told(s.CompareAndSwap("/", "1", 0, file("3")))
	s.told(s.CompareAndDelete("/a", "1", 0))
	s.told(s.CompareAndDelete("/a", "2", 3))
	s.told(s.CompareAndDelete("/", "2", 3))
	// Output:
	// at 3  {"action":"compareAndSwap","node":{"key":"/a","value":"2","modifiedIndex":3,"createdIndex":1},"prevNode":{"key":"/a","value":"1","modifiedIndex":1,"createdIndex":1}}
	// at 3  {"errorCode":101,"message":"Compare failed","cause":"[1 != 2] [1 != 3]","index":3}
	// at 3  {"errorCode":101,"message":"Compare failed","cause":"[1 != 3]","index":3}
	// at 3  {"errorCode":102,"message":"Not a file","cause":"/dir","index":3}
	// at 3  {"errorCode":100,"message":"Key not found","cause":"/none","index":3}
	// at 3  {"errorCode":107,"message":"Root is read only","cause":"/","index":3}
	// at 3  {"errorCode":101,"message":"Compare failed","cause":"[1 != 2]","index":3}
	// at 4  {"action":"compareAndDelete","node":{"key":"/a","modifiedIndex":4,"createdIndex":1},"prevNode":{"key":"/a","value":"2","modifiedIndex":3,"createdIndex":1}}
	// at 4  {"errorCode":102,"message":"Not a file","index":4}
}

// A directory is deleted only by those who say that they mean one.
func ExampleTree_Delete() {
	s := begin()
	s.Set("/dir/a", file("1"))
	s.told(s.Delete("/dir", false, false))
	s.told(s.Delete("/dir", true, false))
	s.told(s.Delete("/dir/a", false, false))
	s.told(s.Delete("/dir/a", false, false))
	s.told(s.Delete("/dir", true, false))
	s.told(s.Delete("/", true, true))
	s.Set("/dir/a", file("1"))
	s.told(s.Delete("/dir", false, true))
	// Output:
	// at 1  {"errorCode":102,"message":"Not a file","cause":"/dir","index":1}
	// at 1  {"errorCode":108,"message":"Directory not empty","cause":"/dir","index":1}
	// at 2  {"action":"delete","node":{"key":"/dir/a","modifiedIndex":2,"createdIndex":1},"prevNode":{"key":"/dir/a","value":"1","modifiedIndex":1,"createdIndex":1}}
	// at 2  {"errorCode":100,"message":"Key not found","cause":"/dir/a","index":2}
	// at 3  {"action":"delete","node":{"key":"/dir","dir":true,"modifiedIndex":3,"createdIndex":1},"prevNode":{"key":"/dir","dir":true,"modifiedIndex":1,"createdIndex":1}}
	// at 3  {"errorCode":107,"message":"Root is read only","cause":"/","index":3}
	// at 5  {"action":"delete","node":{"key":"/dir","dir":true,"modifiedIndex":5,"createdIndex":4},"prevNode":{"key":"/dir","dir":true,"modifiedIndex":4,"createdIndex":4}}
}

// An update keeps what a node is: the directory stays one, and only its time changes.
func ExampleTree_Update() {
	s := begin()
	s.Set("/dir/a", file("1"))
	s.told(s.Update("/dir", v2.Write{Expires: in(5)}))
	s.told(s.Get("/dir", false))
	s.told(s.Update("/dir", file("1")))
	s.told(s.Update("/none", file("1")))
	s.told(s.Update("/", file("1")))
	// Output:
	// at 2  {"action":"update","node":{"key":"/dir","dir":true,"expiration":"2026-01-01T12:00:05Z","ttl":5,"modifiedIndex":2,"createdIndex":1},"prevNode":{"key":"/dir","dir":true,"modifiedIndex":1,"createdIndex":1}}
	// at 2  {"action":"get","node":{"key":"/dir","dir":true,"expiration":"2026-01-01T12:00:05Z","ttl":5,"nodes":[{"key":"/dir/a","value":"1","modifiedIndex":1,"createdIndex":1}],"modifiedIndex":1,"createdIndex":1}}
	// at 2  {"errorCode":102,"message":"Not a file","cause":"/dir","index":2}
	// at 2  {"errorCode":100,"message":"Key not found","cause":"/none","index":2}
	// at 2  {"errorCode":107,"message":"Root is read only","cause":"/","index":2}
}

// Each node has its own time. A set without one makes it permanent, a refresh gives it more
// and keeps the value. What expires takes an index each.
func ExampleTree_Advance() {
	s := begin()
	s.told(s.Set("/a", v2.Write{Value: "1", Expires: in(10)}))
	s.told(s.Set("/b", v2.Write{Value: "1", Expires: in(5)}))
	s.told(s.Set("/dir", v2.Write{Dir: true, Expires: in(7)}))
	s.told(s.Set("/dir/x", v2.Write{Value: "1", Expires: in(7)}))
	s.told(s.Set("/a", v2.Write{Value: "ignored", Refresh: true, Expires: in(20)}))
	s.told(s.Set("/none", v2.Write{Refresh: true, Expires: in(20)}))
	for _, seconds := range []int{4, 8, 3, 20} {
		fmt.Printf("%d s\n", seconds)
		for _, e := range s.Advance(in(seconds)) {
			s.told(e, nil)
		}
	}
	// Output:
	// at 1  {"action":"set","node":{"key":"/a","value":"1","expiration":"2026-01-01T12:00:10Z","ttl":10,"modifiedIndex":1,"createdIndex":1}}
	// at 2  {"action":"set","node":{"key":"/b","value":"1","expiration":"2026-01-01T12:00:05Z","ttl":5,"modifiedIndex":2,"createdIndex":2}}
	// at 3  {"action":"set","node":{"key":"/dir","dir":true,"expiration":"2026-01-01T12:00:07Z","ttl":7,"modifiedIndex":3,"createdIndex":3}}
	// at 4  {"action":"set","node":{"key":"/dir/x","value":"1","expiration":"2026-01-01T12:00:07Z","ttl":7,"modifiedIndex":4,"createdIndex":4}}
	// at 5  {"action":"set","node":{"key":"/a","value":"1","expiration":"2026-01-01T12:00:20Z","ttl":20,"modifiedIndex":5,"createdIndex":5},"prevNode":{"key":"/a","value":"1","expiration":"2026-01-01T12:00:10Z","ttl":10,"modifiedIndex":1,"createdIndex":1}}
	// at 5  {"errorCode":100,"message":"Key not found","cause":"/none","index":5}
	// 4 s
	// 8 s
	// at 7  {"action":"expire","node":{"key":"/b","modifiedIndex":6,"createdIndex":2},"prevNode":{"key":"/b","value":"1","expiration":"2026-01-01T12:00:05Z","ttl":-3,"modifiedIndex":2,"createdIndex":2}}
	// at 7  {"action":"expire","node":{"key":"/dir","dir":true,"modifiedIndex":7,"createdIndex":3},"prevNode":{"key":"/dir","dir":true,"expiration":"2026-01-01T12:00:07Z","ttl":-1,"modifiedIndex":3,"createdIndex":3}}
	// 3 s
	// 20 s
	// at 8  {"action":"expire","node":{"key":"/a","modifiedIndex":8,"createdIndex":5},"prevNode":{"key":"/a","value":"1","expiration":"2026-01-01T12:00:20Z","modifiedIndex":5,"createdIndex":5}}
}

// A watch asks for the first event from an index on, and is asked again from there.
func ExampleTree_First() {
	s := begin()
	now := v2.Watch{Path: "/dir", Recursive: true, Begun: s.Index()}
	s.Set("/dir/_hidden", file("1"))                      // 1
	s.told(s.First(now))                                  // nobody above is told
	s.Set("/dir/a", file("1"))                            // 2
	s.Set("/dir/a", v2.Write{Refresh: true})              // 3, nobody is told
	s.told(s.First(now))                                  //
	s.told(s.First(v2.Watch{Path: "/dir", Begun: 0}))     // not recursive: not the children
	s.told(s.First(v2.Watch{Path: "/dir/_hidden"}))       // who knows the name is told
	s.Delete("/dir", true, true)                          // 4
	s.told(s.First(v2.Watch{Path: "/dir/a", Begun: 3}))   // told of the end of what is around it
	s.told(s.First(v2.Watch{Path: "/dir/a/x", Begun: 3})) // there was nothing to end
	s.told(s.First(v2.Watch{Path: "/dir/a/x", Since: 3, Begun: 4}))
	past := v2.Watch{Path: "/dir", Recursive: true, Since: 1, Begun: 4}
	s.told(s.First(past)) // who asks for the past is shown hidden names too
	for range v2.Kept {
		s.Set("/other", file(""))
	}
	past.Begun = s.Index()
	s.told(s.First(past))
	// Output:
	// at 1  null
	// at 3  {"action":"set","node":{"key":"/dir/a","value":"1","modifiedIndex":2,"createdIndex":2}}
	// at 3  null
	// at 3  {"action":"set","node":{"key":"/dir/_hidden","value":"1","modifiedIndex":1,"createdIndex":1}}
	// at 4  {"action":"delete","node":{"key":"/dir","dir":true,"modifiedIndex":4,"createdIndex":1},"prevNode":{"key":"/dir","dir":true,"modifiedIndex":1,"createdIndex":1}}
	// at 4  null
	// at 4  {"action":"delete","node":{"key":"/dir","dir":true,"modifiedIndex":4,"createdIndex":1},"prevNode":{"key":"/dir","dir":true,"modifiedIndex":1,"createdIndex":1}}
	// at 4  {"action":"set","node":{"key":"/dir/_hidden","value":"1","modifiedIndex":1,"createdIndex":1}}
	// at 1004  {"errorCode":401,"message":"The event in requested index is outdated and cleared","cause":"the requested history has been cleared [5/1]","index":1004}
}
