package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"insideetcd/ch08-client/clientv3"
)

// table is rows of text under a header.
type table struct {
	header []string
	rows   [][]string
}

func memberTable(r *clientv3.MemberListResponse) table {
	t := table{header: []string{"ID", "STATUS", "NAME", "PEER ADDRS", "CLIENT ADDRS", "IS LEARNER"}}
	for _, m := range r.Members {
		status := "started"
		if m.Name == "" {
			status = "unstarted"
		}
		t.rows = append(t.rows, []string{fmt.Sprintf("%x", m.ID), status, m.Name,
			strings.Join(m.PeerURLs, ","), strings.Join(m.ClientURLs, ","), strconv.FormatBool(m.IsLearner)})
	}
	return t
}

func healthTable(list []endpointHealth) table {
	t := table{header: []string{"ENDPOINT", "HEALTH", "TOOK", "ERROR"}}
	for _, h := range list {
		t.rows = append(t.rows, []string{h.Endpoint, strconv.FormatBool(h.Health), h.Took, h.Error})
	}
	return t
}

func statusTable(list []endpointStatus) table {
	t := table{header: []string{"ENDPOINT", "ID", "VERSION", "DB SIZE", "IS LEADER", "IS LEARNER",
		"RAFT TERM", "RAFT INDEX", "RAFT APPLIED INDEX", "ERRORS"}}
	for _, e := range list {
		s := e.Status
		t.rows = append(t.rows, []string{e.Endpoint, fmt.Sprintf("%x", s.Header.GetMemberId()), s.Version,
			humanBytes(uint64(s.DbSize)), strconv.FormatBool(s.Leader == s.Header.GetMemberId()), strconv.FormatBool(s.IsLearner),
			decimal(s.RaftTerm), decimal(s.RaftIndex), decimal(s.RaftAppliedIndex), strings.Join(s.Errors, ", ")})
	}
	return t
}

func hashTable(list []endpointHash) table {
	t := table{header: []string{"ENDPOINT", "HASH"}}
	for _, e := range list {
		t.rows = append(t.rows, []string{e.Endpoint, decimal(uint64(e.HashKV.Hash))})
	}
	return t
}

func snapshotTable(s snapshotStatus) table {
	return table{header: []string{"HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE"},
		rows: [][]string{{fmt.Sprintf("%x", s.Hash), strconv.FormatInt(s.Revision, 10),
			strconv.Itoa(s.TotalKey), humanBytes(uint64(s.TotalSize))}}}
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

// humanBytes is a size in decimal units with two digits or more: 999 B, 1.5 kB, 25 kB.
func humanBytes(n uint64) string {
	if n < 10 {
		return fmt.Sprintf("%d B", n)
	}
	units := []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	e := math.Floor(math.Log(float64(n)) / math.Log(1000))
	value := math.Floor(float64(n)/math.Pow(1000, e)*10+0.5) / 10
	if value < 10 {
		return fmt.Sprintf("%.1f %s", value, units[int(e)])
	}
	return fmt.Sprintf("%.0f %s", value, units[int(e)])
}

// tableDisplay draws a frame around what is a table by nature, and refuses the rest.
type tableDisplay struct{ unsupported }

func (*tableDisplay) MemberList(r *clientv3.MemberListResponse) error {
	return memberTable(r).draw()
}
func (*tableDisplay) EndpointHealth(list []endpointHealth) error { return healthTable(list).draw() }
func (*tableDisplay) EndpointStatus(list []endpointStatus) error { return statusTable(list).draw() }
func (*tableDisplay) EndpointHashKV(list []endpointHash) error   { return hashTable(list).draw() }
func (*tableDisplay) SnapshotStatus(s snapshotStatus) error      { return snapshotTable(s).draw() }

// widestCell is where texts are broken into lines, between words.
const widestCell = 30

// draw prints the table: the header in the middle of its column, cells at the right.
func (t table) draw() error {
	widths := make([]int, len(t.header))
	for i, h := range t.header {
		widths[i] = len(h)
	}
	lines := make([][][]string, len(t.rows)) // row, column, line
	for r, row := range t.rows {
		for i, cell := range row {
			parts := wrap(cell)
			lines[r] = append(lines[r], parts)
			if len(parts) > 1 {
				widths[i] = max(widths[i], widestCell)
			}
			for _, p := range parts {
				widths[i] = max(widths[i], len(p))
			}
		}
	}
	var frame strings.Builder
	for _, w := range widths {
		frame.WriteString("+" + strings.Repeat("-", w+2))
	}
	rule := frame.String() + "+\n"
	say("%s", rule)
	for i, h := range t.header {
		left := (widths[i] - len(h)) / 2
		say("| %s%s%s ", strings.Repeat(" ", left), h, strings.Repeat(" ", widths[i]-len(h)-left))
	}
	say("|\n%s", rule)
	for _, row := range lines {
		drawRow(row, widths)
	}
	if len(t.rows) > 0 {
		say("%s", rule)
	}
	return nil
}

func drawRow(cells [][]string, widths []int) {
	height := 1
	for _, c := range cells {
		height = max(height, len(c))
	}
	for line := range height {
		for i, c := range cells {
			text := ""
			if line < len(c) {
				text = c[line]
			}
			say("| %*s ", widths[i], text)
		}
		say("|\n")
	}
}

// wrap breaks text between words into lines of at most widestCell bytes; a longer word
// stays whole. Blanks that end the text stay too.
func wrap(text string) []string {
	if len(text) <= widestCell {
		return []string{text}
	}
	words := strings.Split(text, " ")
	out := []string{words[0]}
	for _, word := range words[1:] {
		if last := &out[len(out)-1]; len(*last)+1+len(word) <= widestCell {
			*last += " " + word
		} else {
			out = append(out, word)
		}
	}
	return out
}
