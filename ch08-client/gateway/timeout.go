package gateway

import (
	"math"
	"strconv"
	"time"
)

// timeoutUnits are the letters of a gRPC timeout ("10S" is ten seconds).
var timeoutUnits = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second,
	'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
}

// parseTimeout reads a number and a unit. What is longer than a Duration is the longest one.
func parseTimeout(text string) (time.Duration, bool) {
	if len(text) < 2 {
		return 0, false
	}
	unit, known := timeoutUnits[text[len(text)-1]]
	n, err := strconv.ParseInt(text[:len(text)-1], 10, 64)
	if !known || err != nil {
		return 0, false
	}
	if n > math.MaxInt64/int64(unit) {
		return math.MaxInt64, true
	}
	return max(0, time.Duration(n)*unit), true
}
