package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var example = Report{
	Lab: "2.1", Title: "Leader election", Student: "s1", Took: 1500 * time.Millisecond, Notes: []string{"a note"},
	Items: []Item{
		{Number: "2.1.1", Name: "TestTimer", Points: 10, Max: 10, Status: "passed", Tags: []string{"public"}},
		{Number: "2.1.2", Name: "TestVote", Points: 0, Max: 20, Status: "failed", Output: "given <x> & \x16\x00"},
		{Number: "2.1.h", Name: "seed 1", Points: 5, Max: 5, Status: "passed", Hidden: true},
	},
}

func written(t *testing.T, format string) []byte {
	var b bytes.Buffer
	require.NoError(t, Write(&b, format, example))
	return b.Bytes()
}

func TestGradescope(t *testing.T) {
	var got struct {
		Score         float64
		ExecutionTime float64 `json:"execution_time"`
		Visibility    string
		Stdout        string `json:"stdout_visibility"`
		Output        string
		Leaderboard   []any
		Tests         []map[string]any
	}
	require.NoError(t, json.Unmarshal(written(t, "gradescope"), &got))
	require.Equal(t, 15.0, got.Score)
	require.Equal(t, 1.5, got.ExecutionTime)
	require.Equal(t, []string{"visible", "hidden", "a note"}, []string{got.Visibility, got.Stdout, got.Output})
	require.NotNil(t, got.Leaderboard)
	require.Equal(t, map[string]any{
		"score": 10.0, "max_score": 10.0, "status": "passed", "name": "TestTimer", "number": "2.1.1", "output": "passed\n",
		"output_format": "text", "tags": []any{"public"}, "visibility": "visible",
	}, got.Tests[0])
	require.Equal(t, "failed", got.Tests[1]["status"])
	require.Equal(t, []any{}, got.Tests[1]["tags"], "a list, not null")
	require.Equal(t, "after_due_date", got.Tests[2]["visibility"], "a hidden seed is not shown before")
}

func TestClassroom50(t *testing.T) {
	require.JSONEq(t, `{"schema": "classroom50/result/v1", "score": 15, "max-score": 35, "tests": [
		{"test-name": "2.1.1 TestTimer", "passed": true, "score": 10, "max-score": 10},
		{"test-name": "2.1.2 TestVote", "passed": false, "score": 0, "max-score": 20},
		{"test-name": "2.1.h seed 1", "passed": true, "score": 5, "max-score": 5}]}`, string(written(t, "classroom50")))
}

func TestJUnit(t *testing.T) {
	var got junitSuites
	require.NoError(t, xml.Unmarshal(written(t, "junit"), &got), "well formed, whatever a test printed")
	require.Equal(t, 3, got.Suite.Tests)
	require.Equal(t, 1, got.Suite.Failures)
	require.Equal(t, "failed", got.Suite.Cases[1].Failure.Message)
	require.Contains(t, got.Suite.Cases[1].Failure.Text, "given <x> & ")
}

func TestCSV(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(written(t, "csv"))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"2.1", "s1", "2.1.2", "TestVote", "0", "20", "failed", ""}, rows[2])
	require.Equal(t, []string{"2.1", "s1", "", "sum", "15", "35", "", "1.500"}, rows[4])
}

func TestText(t *testing.T) {
	require.Equal(t, "Lab 2.1, Leader election\n\n"+
		"2.1.1  TestTimer   10 / 10  passed\n"+
		"2.1.2  TestVote     0 / 20  failed\n"+
		"2.1.h  seed 1       5 / 5   passed\n\n15 of 35 points in 1.5s\na note\n", string(written(t, "text")))
	require.ErrorContains(t, Write(&bytes.Buffer{}, "pdf", example), "there are text, gradescope, junit, csv, classroom50")
}
