package raftexample

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

const maxValueBytes = 1 << 20

// httpKVAPI is what clients talk to (book §3.3.2).
//
//	GET    /kv/KEY              200 value | 404
//	PUT    /kv/KEY              200 the value before; the body is the new one
//	PUT    /kv/KEY?prev=OLD     the same if OLD stands there | 412 what stands there
//	GET    /members             200 {"1":"http://…"}
//	POST   /members/ID          204; the body is the address; ?learner=true: without a vote
//	DELETE /members/ID          204
//	GET    /status              200 what this member knows by itself
//
// 503 says that nothing was done, 504 that a write may have happened, 409 that the change of
// members is not possible, 410 that this member is none any more.
type httpKVAPI struct {
	store *Server
}

// NewHTTPHandler serves the API of s.
func NewHTTPHandler(s *Server) http.Handler {
	h := &httpKVAPI{store: s}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /kv/{key...}", h.get)
	mux.HandleFunc("PUT /kv/{key...}", h.put)
	mux.HandleFunc("GET /members", h.members)
	mux.HandleFunc("POST /members/{id}", h.addMember)
	mux.HandleFunc("DELETE /members/{id}", h.removeMember)
	mux.HandleFunc("GET /status", h.status)
	return mux
}

func (h *httpKVAPI) get(w http.ResponseWriter, r *http.Request) {
	result, err := h.store.Get(r.Context(), r.PathValue("key"))
	switch {
	case err != nil:
		fail(w, err)
	case !result.Found:
		http.Error(w, "no such key", http.StatusNotFound)
	default:
		io.WriteString(w, result.Value)
	}
}

func (h *httpKVAPI) put(w http.ResponseWriter, r *http.Request) {
	val, ok := body(w, r)
	if !ok {
		return
	}
	key, query := r.PathValue("key"), r.URL.Query()
	var result Result
	var err error
	if query.Has("prev") {
		result, err = h.store.CompareAndSwap(r.Context(), key, query.Get("prev"), val)
	} else {
		result, err = h.store.Put(r.Context(), key, val)
	}
	if err != nil {
		fail(w, err)
		return
	}
	if result.Refused {
		w.WriteHeader(http.StatusPreconditionFailed)
	}
	io.WriteString(w, result.Value)
}

func (h *httpKVAPI) members(w http.ResponseWriter, r *http.Request) {
	h.showStatus(w, r, func(s Status) any { return s.Members })
}

func (h *httpKVAPI) status(w http.ResponseWriter, r *http.Request) {
	h.showStatus(w, r, func(s Status) any { return s })
}

func (h *httpKVAPI) showStatus(w http.ResponseWriter, r *http.Request, pick func(Status) any) {
	status, err := h.store.Status(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(pick(status))
}

func (h *httpKVAPI) addMember(w http.ResponseWriter, r *http.Request) {
	id, ok := memberID(w, r)
	if !ok {
		return
	}
	address, ok := body(w, r)
	if !ok {
		return
	}
	if u, err := url.Parse(address); err != nil || u.Scheme == "" || u.Host == "" {
		http.Error(w, fmt.Sprintf("the body must be where the member listens, like http://10.0.0.4:9121, and is %q", address), http.StatusBadRequest)
		return
	}
	h.done(w, h.store.AddMember(r.Context(), id, address, r.URL.Query().Get("learner") == "true"))
}

func (h *httpKVAPI) removeMember(w http.ResponseWriter, r *http.Request) {
	if id, ok := memberID(w, r); ok {
		h.done(w, h.store.RemoveMember(r.Context(), id))
	}
}

func (h *httpKVAPI) done(w http.ResponseWriter, err error) {
	if err != nil {
		fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func memberID(w http.ResponseWriter, r *http.Request) (uint64, bool) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil || id == 0 || id > maxID {
		http.Error(w, fmt.Sprintf("the ID of a member is a number from 1 to %d, not %q", maxID, r.PathValue("id")), http.StatusBadRequest)
		return 0, false
	}
	return id, true
}

func body(w http.ResponseWriter, r *http.Request) (string, bool) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxValueBytes))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, fmt.Sprintf("the body cannot be read: %v", err), status)
		return "", false
	}
	return string(b), true
}

// fail says what became of the request, by a status of its own for each answer that a
// client acts on.
func fail(w http.ResponseWriter, err error) {
	status := http.StatusGatewayTimeout
	switch {
	case errors.Is(err, ErrNotTaken):
		status = http.StatusServiceUnavailable
	case errors.Is(err, ErrRemoved):
		status = http.StatusGone
	case errors.Is(err, ErrNotMember), errors.Is(err, ErrIDRemoved), errors.Is(err, ErrLastMember):
		status = http.StatusConflict
	}
	http.Error(w, err.Error(), status)
}
