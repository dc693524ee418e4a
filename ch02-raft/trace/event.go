// Package trace is the one format in which a cluster tells what happened to it: the
// simulator writes it, a server writes it with --trace-file, and pictures, checkers and
// visualizers read it.
//
// # Schema, version 1
//
// A trace is JSON lines. Each line is one [Event], its fields in the order in which the
// type declares them; fields that are zero are left out, except v, seq, at and kind.
// Unknown fields are to be ignored by readers, unknown kinds are not an error: a field or a
// kind may be added to version 1, none changes its meaning. The first line is of kind run.
//
//	kind       node         peer       index, last             value and text
//	run                                                        text: what runs; value: the seed
//	send       sender       receiver                           msg: the message's name; text: its contents
//	deliver    receiver     sender                             the same; value: seq of its send
//	drop       receiver     sender                             text: why (loss, cut, down); value: seq of its send
//	role       itself       leader it                          text: the new role; index: commit, last: end of its log
//	                        follows
//	term       itself       voted for                          a new term or vote
//	save       itself                  first and last entry    text: what is being written
//	saved      itself                  first and last entry    it is durable
//	commit     itself                  old and new             the commit index rose
//	apply      itself                  index                   text: the entry's data
//	install    itself                  index                   the state machine was replaced by a snapshot
//	compact    itself                  index                   the log was told to forget its entries up to index
//	crash      itself                  last durable entry      text: what was lost
//	start      itself                  applied, last entry
//	fault                                                      text: what the world does (partition, heal, …)
//	call       asked node                                      msg: put, get, cas; text: the request; value: its number
//	return     asked node              index                   text: the answer; value: its number
//	refuse     asked node                                      text: the error; the request certainly did nothing
//	timeout    asked node                                      nobody will know; value: its number
//	rule       itself                                          text: a rule of the paper that fired
//	violation  itself                                          text: the invariant and the numbers; value: its number
//
// Two traces are the same run if their [Hash] is the same. The hash leaves out text and
// events of kind rule, so that a run hashes the same whether or not it was asked to explain.
package trace

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Version of the schema that this package writes, and the newest that it reads.
const Version = 1

// Kind tells what an event is about; the package comment lists them.
type Kind string

// The kinds of schema version 1.
const (
	Run       Kind = "run"
	Send      Kind = "send"
	Deliver   Kind = "deliver"
	Drop      Kind = "drop"
	Role      Kind = "role"
	Term      Kind = "term"
	Save      Kind = "save"
	Saved     Kind = "saved"
	Commit    Kind = "commit"
	Apply     Kind = "apply"
	Install   Kind = "install"
	Compact   Kind = "compact"
	Crash     Kind = "crash"
	Start     Kind = "start"
	Fault     Kind = "fault"
	Call      Kind = "call"
	Return    Kind = "return"
	Refuse    Kind = "refuse"
	Timeout   Kind = "timeout"
	Rule      Kind = "rule"
	Violation Kind = "violation"
)

// Event is one line of a trace.
type Event struct {
	V     int    `json:"v"`   // Version
	Seq   uint64 `json:"seq"` // counts up from 1
	At    int64  `json:"at"`  // microseconds since the run began
	Kind  Kind   `json:"kind"`
	Node  uint64 `json:"node,omitempty"` // the server whose column it is
	Peer  uint64 `json:"peer,omitempty"` // the other server
	Msg   string `json:"msg,omitempty"`  // one word
	Term  uint64 `json:"term,omitempty"` // of the server, or of the message
	Index uint64 `json:"index,omitempty"`
	Last  uint64 `json:"last,omitempty"`
	Value uint64 `json:"value,omitempty"`
	Text  string `json:"text,omitempty"` // for people; readers must not depend on it
}

// Sink takes events one by one.
type Sink interface {
	Event(Event)
}

// Log is a Sink that keeps all events.
type Log []Event

// Event keeps e.
func (l *Log) Event(e Event) { *l = append(*l, e) }

// Writer is a Sink that writes JSON lines. Errors stick and come out of Flush.
type Writer struct {
	buffer *bufio.Writer
	err    error
}

// NewWriter writes to w; call Flush at the end.
func NewWriter(w io.Writer) *Writer { return &Writer{buffer: bufio.NewWriter(w)} }

// Event writes one line.
func (w *Writer) Event(e Event) {
	if w.err != nil {
		return
	}
	e.V = Version
	line, err := json.Marshal(e)
	if err != nil {
		w.err = fmt.Errorf("trace: event %d: %w", e.Seq, err)
		return
	}
	_, w.err = w.buffer.Write(append(line, '\n'))
}

// Flush writes what is buffered and returns the first error of the writer's life.
func (w *Writer) Flush() error {
	return errors.Join(w.err, w.buffer.Flush())
}

// Read reads a whole trace. A line that is cut off at the end, as by a crash of the writer,
// is left out; anything else that is no event is refused with its line number.
func Read(r io.Reader) ([]Event, error) {
	var events []Event
	lines := bufio.NewReader(r)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return events, nil
		}
		if err != nil {
			return events, fmt.Errorf("trace: line %d: %w", number, err)
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return events, fmt.Errorf("trace: line %d is no event: %w", number, err)
		}
		if e.V < 1 || e.V > Version || e.Kind == "" {
			return events, fmt.Errorf("trace: line %d is of version %d; this program reads 1 to %d", number, e.V, Version)
		}
		events = append(events, e)
	}
}
