package trace

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Narrate writes the events as sentences, one a line:
//
//	12.400 ms  S1 becomes candidate, term 2
//	12.400 ms  S1 → S2 RequestVote term 2 (…)
func Narrate(w io.Writer, events []Event) error {
	for i := range events {
		e := &events[i]
		who := ""
		if e.Node != 0 {
			who = fmt.Sprintf("S%d ", e.Node)
		}
		if _, err := fmt.Fprintf(w, "%s  %s%s\n", clock(e.At), who, Sentence(*e)); err != nil {
			return err
		}
	}
	return nil
}

// Sentence is what an event says, without time and subject.
func Sentence(e Event) string {
	switch e.Kind {
	case Send:
		return fmt.Sprintf("→ S%d %s", e.Peer, message(e))
	case Deliver:
		return fmt.Sprintf("← S%d %s", e.Peer, message(e))
	case Drop:
		return fmt.Sprintf("✗ S%d %s term %d: %s", e.Peer, e.Msg, e.Term, e.Text)
	case Role:
		return role(e)
	case Term:
		if e.Peer != 0 {
			return fmt.Sprintf("term %d, votes for S%d", e.Term, e.Peer)
		}
		return fmt.Sprintf("term %d", e.Term)
	case Save:
		return "writes " + e.Text
	case Saved:
		return "has it on disk"
	case Commit:
		return fmt.Sprintf("commits up to %d", e.Last)
	case Apply:
		return fmt.Sprintf("applies %d: %s", e.Index, e.Text)
	case Install:
		return fmt.Sprintf("takes over the snapshot up to %d", e.Index)
	case Compact:
		return fmt.Sprintf("makes a snapshot up to %d", e.Index)
	case Crash:
		return "crashes" + aside(e.Text)
	case Start:
		return fmt.Sprintf("starts, log up to %d, applied %d", e.Last, e.Index)
	case Call:
		return fmt.Sprintf("is asked #%d %s %s", e.Value, e.Msg, e.Text)
	case Return:
		return fmt.Sprintf("answers #%d %s", e.Value, e.Text)
	case Refuse:
		return fmt.Sprintf("refuses #%d: %s", e.Value, e.Text)
	case Timeout:
		return fmt.Sprintf("has not answered #%d in time", e.Value)
	case Rule:
		return "rule: " + e.Text
	case Violation:
		return "VIOLATION: " + e.Text
	default: // run, fault, and kinds of later writers
		return strings.TrimSpace(string(e.Kind) + " " + e.Text)
	}
}

func message(e Event) string {
	return fmt.Sprintf("%s term %d%s", e.Msg, e.Term, aside(e.Text))
}

func role(e Event) string {
	switch {
	case e.Text == "leader":
		return fmt.Sprintf("IS LEADER of term %d", e.Term)
	case e.Peer != 0:
		return fmt.Sprintf("%s of S%d, term %d", e.Text, e.Peer, e.Term)
	default:
		return fmt.Sprintf("%s, term %d", e.Text, e.Term)
	}
}

func aside(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

func clock(micros int64) string {
	return fmt.Sprintf("%5d.%03d ms", micros/1000, micros%1000)
}

// Table writes the events as a space-time table: time runs down, each server has a column
// width characters wide, what concerns the whole cluster goes across.
func Table(w io.Writer, events []Event, width int) error {
	servers := columns(events)
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", len(clock(0))))
	for _, id := range servers {
		b.WriteString("  " + cell(fmt.Sprintf("S%d", id), width))
	}
	fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	for _, e := range events {
		b.Reset()
		b.WriteString(clock(e.At))
		if e.Node == 0 {
			b.WriteString("  ── " + Sentence(e))
		} else {
			column, _ := slices.BinarySearch(servers, e.Node)
			b.WriteString(strings.Repeat(" ", column*(width+2)+2))
			b.WriteString(cell(Sentence(e), width))
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// columns are the servers that appear, sorted.
func columns(events []Event) []uint64 {
	var ids []uint64
	for _, e := range events {
		for _, id := range []uint64{e.Node, e.Peer} {
			if at, found := slices.BinarySearch(ids, id); id != 0 && !found {
				ids = slices.Insert(ids, at, id)
			}
		}
	}
	return ids
}

// cell cuts or fills text to width characters.
func cell(text string, width int) string {
	n := utf8.RuneCountInString(text)
	if n > width {
		return string([]rune(text)[:width-1]) + "…"
	}
	return text + strings.Repeat(" ", width-n)
}
