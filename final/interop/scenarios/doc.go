// Package scenarios are programs of users: each plays one use of etcd through the official
// Go client, and writes down what it sees, line by line.
//
// The transcripts in the folder of that name say what a client sees of etcd 3.4. Debian's
// etcd writes them, this project's server has to repeat them, and so has every version of
// the client: the folders beside this one are programs of the same scenarios with the
// client of 3.5, 3.6 and 3.7. They are modules of their own, and the server is always another
// process, because the official modules and this project's register the same protobuf names.
//
// A transcript is the same in every run: revisions are counted from the begin of the
// scenario, keys are written without the scenario's prefix, and IDs, times and addresses not
// at all. So a scenario can be played on any etcd that nobody else writes to.
//
//	stage.go        what a scenario plays on, and how it writes down what it sees
//	run.go          playing a scenario, comparing its transcript
//	main.go         the command line of the programs
//	kv.go, …        the scenarios, a use of etcd to a file
//	server/         a server as a process that can be restarted
//	judge/          the test: ours and Debian's play everything
package scenarios
