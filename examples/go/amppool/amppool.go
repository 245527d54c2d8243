// Package amppool is AMP Pool for Go, by cgo: one file to copy, nothing to download. pkg-config has to find the library, as
// `make install-ffi` installs it.
//
//	pool, err := amppool.Open(amppool.Config{"keys": keys, "tokens": tokens})
//	call, err := pool.Post(ctx, "/v1/chat/completions", body, token)
//	defer call.Close()
//	for call.Next() {
//		fmt.Println(call.Event().Data)
//	}
//	err = call.Err()
//
// One goroutine takes from a call at a time. The end of its context ends the call, whoever waits in it.
package amppool

// #cgo pkg-config: amp_pool
// #include <amp_pool.h>
import "C"

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"time"
	"unsafe"
)

const forever = C.uint32_t(C.AMP_POOL_FOREVER)

// Config is what a pool or a server begins with: keys, tokens, and settings of the server by the names of their flags.
type Config map[string]any

// Error is what the library says, with the number of its status; of the admin API, that of HTTP.
type Error struct {
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Message }

// ErrTimeout says that something was not done in time. It goes on, and can be waited for again.
var ErrTimeout = errors.New("amp-pool: the time was up")

// run calls the library. The words of a failure belong to the thread, which must not change before they are read.
func run(function func() C.int32_t) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	status := int(function())
	if status < 0 {
		return status, &Error{status, C.GoString(C.amp_pool_last_error(nil))}
	}
	return status, nil
}

// inTime is run for what is done, or not in time.
func inTime(function func() C.int32_t) error {
	status, err := run(function)
	if err == nil && status == C.AMP_POOL_TIMEOUT {
		return ErrTimeout
	}
	return err
}

func text[T string | []byte](from T) (*C.uint8_t, C.size_t) {
	bytes := []byte(from)
	if len(bytes) == 0 {
		return nil, 0
	}
	return (*C.uint8_t)(unsafe.Pointer(&bytes[0])), C.size_t(len(bytes))
}

// taken copies what the library keeps only until it is asked for more.
func taken(data *C.uint8_t, length C.size_t) []byte {
	return C.GoBytes(unsafe.Pointer(data), C.int(length))
}

func milliseconds(span time.Duration) C.uint32_t {
	if span < 0 || span.Milliseconds() >= int64(forever) {
		return forever
	}
	return C.uint32_t(span.Milliseconds())
}

// Pool is a pool in this process. Any number of goroutines may use it.
type Pool struct{ handle C.AmpPool }

// Open opens a pool.
func Open(config Config) (*Pool, error) {
	written, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	pool := new(Pool)
	data, length := text(written)
	_, err = run(func() C.int32_t { return C.amp_pool_new(data, length, &pool.handle) })
	return pool, err
}

// Close frees the pool. Its calls go on; the last of them closes the books.
func (p *Pool) Close() error {
	_, err := run(func() C.int32_t { return C.amp_pool_free(p.handle) })
	p.handle = 0
	return err
}

// Flush waits until every call that has ended is in the books. A span below 0 has no end.
func (p *Pool) Flush(timeout time.Duration) error {
	return inTime(func() C.int32_t { return C.amp_pool_flush(p.handle, milliseconds(timeout)) })
}

// Call begins a call. It ends with its context.
func (p *Pool) Call(ctx context.Context, method, path string, headers map[string]string, body []byte) (*Call, error) {
	return p.start(ctx, false, method, path, headers, body)
}

// Post begins a call with a JSON body.
func (p *Pool) Post(ctx context.Context, path string, body any, token string) (*Call, error) {
	written, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	headers := map[string]string{"authorization": "Bearer " + token, "content-type": "application/json"}
	return p.Call(ctx, "POST", path, headers, written)
}

// Admin asks the admin API. What it says is read into answer, unless that is nil; its refusals are an Error.
func (p *Pool) Admin(ctx context.Context, method, path string, body, answer any) error {
	var written []byte
	if body != nil {
		var err error
		if written, err = json.Marshal(body); err != nil {
			return err
		}
	}
	call, err := p.start(ctx, true, method, path, nil, written)
	if err != nil {
		return err
	}
	defer call.Close()
	said, err := io.ReadAll(call)
	if err != nil {
		return err
	}
	status, err := call.Status()
	if err != nil {
		return err
	}
	if status >= 400 {
		return &Error{status, string(said)}
	}
	if answer == nil || len(said) == 0 {
		return nil
	}
	return json.Unmarshal(said, answer)
}

func (p *Pool) start(ctx context.Context, admin bool, method, path string, headers map[string]string, body []byte) (*Call, error) {
	lines, err := headerLines(headers)
	if err != nil {
		return nil, err
	}
	call := &Call{ctx: ctx, closed: make(chan struct{})}
	methodText, methodLength := text(method)
	pathText, pathLength := text(path)
	linesText, linesLength := text(lines)
	bodyText, bodyLength := text(body)
	_, err = run(func() C.int32_t {
		if admin {
			return C.amp_pool_admin_start(p.handle, methodText, methodLength, pathText, pathLength, linesText, linesLength,
				bodyText, bodyLength, &call.handle)
		}
		return C.amp_pool_call_start(p.handle, methodText, methodLength, pathText, pathLength, linesText, linesLength,
			bodyText, bodyLength, &call.handle)
	})
	if err != nil {
		return nil, err
	}
	go call.endWithContext(call.handle)
	return call, nil
}

func headerLines(headers map[string]string) (string, error) {
	var lines strings.Builder
	for name, value := range headers {
		if strings.ContainsAny(name+value, "\r\n") {
			return "", fmt.Errorf("amp-pool: a line end in the header %q", name)
		}
		fmt.Fprintf(&lines, "%s: %s\n", name, value)
	}
	return lines.String(), nil
}

// Event is one server-sent event.
type Event struct{ Name, Data string }

// Call is a call and its answer: an io.ReadCloser of the body, or a run of events.
type Call struct {
	handle C.AmpPoolCall
	ctx    context.Context
	closed chan struct{}
	close  sync.Once
	event  Event
	piece  []byte
	err    error
}

// endWithContext cancels the call when its context ends first. A handle that was freed is told from one that was not.
func (c *Call) endWithContext(handle C.AmpPoolCall) {
	select {
	case <-c.ctx.Done():
		C.amp_pool_call_cancel(handle)
	case <-c.closed:
	}
}

// run is run for what waits: when the context has ended, that is why it failed.
func (c *Call) run(function func() C.int32_t) (int, error) {
	status, err := run(function)
	if status == C.AMP_POOL_CANCELLED && c.ctx.Err() != nil {
		err = c.ctx.Err()
	}
	return status, err
}

// Close frees the call, and cancels it if it goes on.
func (c *Call) Close() (err error) {
	c.close.Do(func() {
		close(c.closed)
		_, err = run(func() C.int32_t { return C.amp_pool_call_free(c.handle) })
	})
	return err
}

// Status waits for the head of the answer.
func (c *Call) Status() (int, error) {
	var status C.uint16_t
	_, err := c.run(func() C.int32_t { return C.amp_pool_call_head(c.handle, forever, &status) })
	return int(status), err
}

// Header waits for the head of the answer, and gives the first value of a header, or nothing.
func (c *Call) Header(name string) (string, error) {
	if _, err := c.Status(); err != nil {
		return "", err
	}
	var value *C.uint8_t
	var length C.size_t
	nameText, nameLength := text(name)
	status, err := c.run(func() C.int32_t {
		return C.amp_pool_call_header(c.handle, nameText, nameLength, &value, &length)
	})
	if err != nil || status != C.AMP_POOL_OK {
		return "", err
	}
	return string(taken(value, length)), nil
}

// Next waits for the next event of a stream. False at its end, and when it broke: see Err.
func (c *Call) Next() bool {
	var name, data *C.uint8_t
	var nameLength, length C.size_t
	status, err := c.run(func() C.int32_t {
		return C.amp_pool_call_event(c.handle, forever, &name, &nameLength, &data, &length)
	})
	if c.err = err; status != C.AMP_POOL_OK {
		return false
	}
	c.event = Event{string(taken(name, nameLength)), string(taken(data, length))}
	return true
}

// Event is the one that Next went to.
func (c *Call) Event() Event { return c.event }

// Err is why Next said that there is no more, or nil when the stream has ended as it should.
func (c *Call) Err() error { return c.err }

// Read reads the body as it comes.
func (c *Call) Read(into []byte) (int, error) {
	for len(c.piece) == 0 {
		var data *C.uint8_t
		var length C.size_t
		status, err := c.run(func() C.int32_t { return C.amp_pool_call_next(c.handle, forever, &data, &length) })
		if err != nil {
			return 0, err
		}
		if status == C.AMP_POOL_END {
			return 0, io.EOF
		}
		c.piece = taken(data, length)
	}
	size := copy(into, c.piece)
	c.piece = c.piece[size:]
	return size, nil
}

// Server is a server in this process: gateway, admin API and UI on a port.
type Server struct{ handle C.AmpPoolServer }

// Serve starts a server.
func Serve(config Config) (*Server, error) {
	written, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	server := new(Server)
	data, length := text(written)
	_, err = run(func() C.int32_t { return C.amp_pool_server_start(data, length, &server.handle) })
	return server, err
}

// URL is where it listens.
func (s *Server) URL() (string, error) {
	var data *C.uint8_t
	var length C.size_t
	if _, err := run(func() C.int32_t { return C.amp_pool_server_address(s.handle, &data, &length) }); err != nil {
		return "", err
	}
	return string(taken(data, length)), nil
}

// Pool is the server's pool, without the network. It has to be closed.
func (s *Server) Pool() (*Pool, error) {
	pool := new(Pool)
	_, err := run(func() C.int32_t { return C.amp_pool_server_pool(s.handle, &pool.handle) })
	return pool, err
}

// Stop takes no more calls, and waits for those that run. A span below 0 has no end.
func (s *Server) Stop(timeout time.Duration) error {
	return inTime(func() C.int32_t { return C.amp_pool_server_stop(s.handle, milliseconds(timeout)) })
}

// Close breaks off what still runs, and waits until all is in the books.
func (s *Server) Close() error {
	_, err := run(func() C.int32_t { return C.amp_pool_server_free(s.handle) })
	s.handle = 0
	return err
}
