package v2store

import "errors"

// Codes of the errors that the store itself returns. Clients of the v2 API match
// on these numbers.
const (
	EcodeKeyNotFound = 100
	EcodeNotFile     = 102
	EcodeNotDir      = 104
	EcodeNodeExist   = 105
	EcodeRootROnly   = 107
	EcodeDirNotEmpty = 108
)

var messages = map[int]string{
	EcodeKeyNotFound: "Key not found",
	EcodeNotFile:     "Not a file",
	EcodeNotDir:      "Not a directory",
	EcodeNodeExist:   "Key already exists",
	EcodeRootROnly:   "Root is read only",
	EcodeDirNotEmpty: "Directory not empty",
}

// Error is a refused operation. Its JSON is the body of a v2 error answer.
type Error struct {
	ErrorCode int    `json:"errorCode"`
	Message   string `json:"message"`
	// Cause is the path that stood in the way.
	Cause string `json:"cause,omitempty"`
	// Index is the store's index when the operation was refused.
	Index uint64 `json:"index"`
}

func newError(code int, cause string, index uint64) *Error {
	return &Error{ErrorCode: code, Message: messages[code], Cause: cause, Index: index}
}

// Error implements error.
func (e *Error) Error() string { return e.Message + " (" + e.Cause + ")" }

// IsCode tells whether err is, or wraps, an Error with the given code.
func IsCode(err error, code int) bool {
	var e *Error
	return errors.As(err, &e) && e.ErrorCode == code
}

// IsKeyNotFound tells whether err says that a path does not exist.
func IsKeyNotFound(err error) bool { return IsCode(err, EcodeKeyNotFound) }
