package gateway

import (
	"encoding/json"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// httpStatus maps gRPC codes as the gateway library in Debian's 3.4.23 does. (A newer
// library, in other builds of 3.4, answers FailedPrecondition with 400.)
var httpStatus = map[codes.Code]int{
	codes.OK:                 http.StatusOK,
	codes.Canceled:           http.StatusRequestTimeout,
	codes.InvalidArgument:    http.StatusBadRequest,
	codes.DeadlineExceeded:   http.StatusGatewayTimeout,
	codes.NotFound:           http.StatusNotFound,
	codes.AlreadyExists:      http.StatusConflict,
	codes.PermissionDenied:   http.StatusForbidden,
	codes.ResourceExhausted:  http.StatusTooManyRequests,
	codes.FailedPrecondition: http.StatusPreconditionFailed,
	codes.Aborted:            http.StatusConflict,
	codes.OutOfRange:         http.StatusBadRequest,
	codes.Unimplemented:      http.StatusNotImplemented,
	codes.Unavailable:        http.StatusServiceUnavailable,
	codes.Unauthenticated:    http.StatusUnauthorized,
}

// statusOf is 500 for Unknown, Internal, DataLoss and codes still to be invented.
func statusOf(c codes.Code) int {
	if s, ok := httpStatus[c]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// answerError answers a call that failed before its first answer.
func answerError(w http.ResponseWriter, err error) {
	s := status.Convert(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(statusOf(s.Code()))
	writeJSON(w, struct {
		Error   string     `json:"error"` // the name that older clients know
		Message string     `json:"message"`
		Code    codes.Code `json:"code"`
	}{s.Message(), s.Message(), s.Code()})
}

// streamError is the last line of a stream that failed.
type streamError struct {
	Error struct {
		GRPCCode   codes.Code `json:"grpc_code"`
		HTTPCode   int        `json:"http_code"`
		Message    string     `json:"message"`
		HTTPStatus string     `json:"http_status"`
	} `json:"error"`
}

func newStreamError(err error) (e streamError) {
	s := status.Convert(err)
	e.Error.GRPCCode, e.Error.Message = s.Code(), s.Message()
	e.Error.HTTPCode = statusOf(s.Code())
	e.Error.HTTPStatus = http.StatusText(e.Error.HTTPCode)
	return e
}

func writeJSON(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("gateway: an error has no JSON: " + err.Error()) // strings and numbers always have
	}
	_, _ = w.Write(b) // a client that is gone needs no answer
}
