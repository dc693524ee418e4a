package compactor

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// The values of --auto-compaction-mode.
const (
	ModePeriodic = "periodic"
	ModeRevision = "revision"
)

// Policy says how much history is to stay. The zero value is "all of it": no automatic
// compaction. At most one field is set.
type Policy struct {
	Period    time.Duration // the history of this time
	Revisions int64         // so many revisions
}

// Enabled tells whether there is anything to do.
func (p Policy) Enabled() bool { return p != Policy{} }

func (p Policy) String() string {
	switch {
	case p.Period > 0:
		return "keep " + p.Period.String()
	case p.Revisions > 0:
		return fmt.Sprintf("keep %d revisions", p.Revisions)
	}
	return "off"
}

// ParsePolicy reads the texts of --auto-compaction-mode and --auto-compaction-retention
// by etcd 3.4's rules: a number means hours or revisions, by mode; else the retention is
// a duration such as 1h30m; 0 or nothing means off.
//
// Refused are also settings that 3.4 accepts and then takes for something else: a
// negative duration and more hours than fit (it compacts everything, without a pause), a
// duration as a number of revisions (it counts the nanoseconds), a retention without a
// mode (it is off, or does not start).
func ParsePolicy(mode, retention string) (Policy, error) {
	switch mode {
	case "", ModePeriodic, ModeRevision:
	default:
		return Policy{}, fmt.Errorf("unknown auto-compaction-mode %q: use %q or %q", mode, ModePeriodic, ModeRevision)
	}
	if retention == "" {
		return Policy{}, nil
	}
	policy, err := parseRetention(mode, retention)
	if err != nil {
		return Policy{}, fmt.Errorf("cannot use auto-compaction-retention %q: %w", retention, err)
	}
	if policy.Enabled() && mode == "" {
		return Policy{}, fmt.Errorf("auto-compaction-retention %q needs an auto-compaction-mode: use %q or %q", retention, ModePeriodic, ModeRevision)
	}
	return policy, nil
}

func parseRetention(mode, retention string) (Policy, error) {
	if number, err := strconv.ParseInt(retention, 10, 64); err == nil && number >= 0 {
		return fromNumber(mode, number)
	}
	period, err := time.ParseDuration(retention)
	switch {
	case err != nil:
		return Policy{}, fmt.Errorf("%w; give a number (hours, or revisions in mode %q) or a duration such as 1h30m", err, ModeRevision)
	case period < 0:
		return Policy{}, errors.New("it is negative; use 0 to switch it off")
	case period > 0 && mode == ModeRevision:
		return Policy{}, fmt.Errorf("in mode %q give a number of revisions", ModeRevision)
	}
	return Policy{Period: period}, nil
}

func fromNumber(mode string, number int64) (Policy, error) {
	if mode == ModeRevision {
		return Policy{Revisions: number}, nil
	}
	if number > math.MaxInt64/int64(time.Hour) {
		return Policy{}, fmt.Errorf("so many hours cannot be counted; the maximum is %d", math.MaxInt64/int64(time.Hour))
	}
	return Policy{Period: time.Duration(number) * time.Hour}, nil
}
