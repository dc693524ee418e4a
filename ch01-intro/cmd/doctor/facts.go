package main

import "time"

// Question is what measure is to look at.
type Question struct {
	Dir       string
	Syncs     int           // at most this many
	SyncLimit time.Duration // at most this long
	Ports     []int
	Environ   []string // as os.Environ: NAME=VALUE
}

// Plan is how the member will be configured.
type Plan struct {
	Heartbeat time.Duration
	Election  time.Duration
	RoundTrip time.Duration // between members; 0 = not told
}

// Facts are what the machine said, unjudged. An Error is the text of what kept a fact from
// being found; the fact is zero then. Durations are nanoseconds in JSON.
type Facts struct {
	System string   `json:"system"` // linux/amd64
	Go     Go       `json:"go"`
	Cores  Cores    `json:"cores"`
	Memory Memory   `json:"memory"`
	Disk   Disk     `json:"disk"`
	Ports  []Port   `json:"ports"`
	Clock  Clock    `json:"clock"`
	Files  Files    `json:"files"`
	Env    []string `json:"env"` // names of variables that begin with ETCD_, sorted; no values
}

// Go is the version this program was built with, and that of the go command in PATH.
type Go struct {
	Built   string `json:"built"`
	Command string `json:"command,omitempty"`
	Error   string `json:"error,omitempty"`
}

// Cores are the machine's, and how many of them a container leaves to this process.
type Cores struct {
	Machine int `json:"machine"`
	Usable  int `json:"usable"`
}

// Memory is the machine's, or the limit of the container around this process if that is less.
type Memory struct {
	Bytes uint64 `json:"bytes"`
	Error string `json:"error,omitempty"`
}

// Disk is the file system of a directory and what it takes to make 4 KiB durable there.
type Disk struct {
	Dir        string `json:"dir"`
	FileSystem string `json:"file_system,omitempty"` // as the system names it; "" = not known
	FreeBytes  uint64 `json:"free_bytes"`
	SpaceError string `json:"space_error,omitempty"`
	Syncs      Syncs  `json:"syncs"`
	SyncError  string `json:"sync_error,omitempty"`
}

// Syncs sums up Count times 4 KiB written and synced, one after the other.
type Syncs struct {
	Count int           `json:"count"`
	P50   time.Duration `json:"p50_ns"`
	P99   time.Duration `json:"p99_ns"`
	Max   time.Duration `json:"max_ns"`
}

// Port is a TCP port on 127.0.0.1.
type Port struct {
	Number int    `json:"port"`
	Error  string `json:"error,omitempty"`  // "" = free
	Answer string `json:"answer,omitempty"` // the version that what listens there tells, if it is an etcd
}

// Clock is what many readings in a row showed.
type Clock struct {
	Resolution     time.Duration `json:"resolution_ns"`  // the smallest step between two readings
	Backwards      int           `json:"backwards"`      // monotonic readings before the one before
	Watched        time.Duration `json:"watched_ns"`     // from the first reading to the last
	WallStep       time.Duration `json:"wall_step_ns"`   // how much the wall clock went ahead of the monotonic one meanwhile
	Now            time.Time     `json:"now"`            // the wall clock
	Unsynchronised bool          `json:"unsynchronised"` // the system says that nobody sets its clock
}

// Files is how many files this process may have open.
type Files struct {
	Limit uint64 `json:"limit"` // 0 = the system has no such limit
	Error string `json:"error,omitempty"`
}
