package filter

import (
	"errors"
	"strconv"
	"strings"

	"tabard/engine"
)

// judgeResponse has the engine look at the upstream's response head.
func judgeResponse(s *Stream, ev event) Action {
	upstream, err := s.fromUpstream()
	if err != nil {
		return s.fail(failHostCall, err)
	}
	if !upstream {
		// The proxy's own word on a request that went on: a route without
		// an upstream, a timeout. There is nothing of an application in it.
		return s.proceed(responsePassed)
	}
	status, headers, err := s.response()
	if err != nil {
		return s.fail(failHostCall, err)
	}
	if a, over := s.settle(s.ex.ResponseHeaders(status, s.protocol, headers, ev.end)); over {
		return a
	}
	if !ev.end && s.ex.HoldResponse() {
		return s.hold(responseHeld)
	}
	s.skipResponse()
	return s.proceed(responsePassed)
}

// skipResponse notes why the response's body passes uninspected. What comes
// back on a gRPC call or an upgraded connection is counted as what was sent
// there; a response that the policy does not mention is not counted.
func (s *Stream) skipResponse() {
	switch request := s.skipped.request; request {
	case engine.SkipGRPC, engine.SkipUpgrade:
		s.skipped.response = request
		return
	}
	if _, skip := s.ex.Uninspected(); skip.Reason != engine.SkipPolicy {
		s.skipped.response = skip.Reason
	}
}

// expectLocal meets a response to a request that has not gone on, or a second
// one: only the proxy itself can have made it (a timeout, a body over the
// proxy's buffer).
func expectLocal(s *Stream, ev event) Action {
	upstream, err := s.fromUpstream()
	if err != nil {
		return s.fail(failHostCall, err)
	}
	if upstream {
		return refuse(s, ev)
	}
	s.aborted = s.state == fresh || s.state == requestHeld
	s.state = answered
	s.plugin.release(s)
	return Continue
}

// feedResponse gives the engine the bytes that have arrived since last time.
func feedResponse(s *Stream, ev event) Action {
	s.plugin.arrived()
	return s.feed(ev, Response, s.ex.ResponseBody, s.ex.HoldResponse, responsePassed)
}

// endResponse ends a held response by its trailers.
func endResponse(s *Stream, _ event) Action {
	s.plugin.arrived()
	if a, over := s.settle(s.ex.ResponseBody(nil, true)); over {
		return a
	}
	return s.proceed(responsePassed)
}

// fromUpstream tells a response of the upstream, at once or out of a cache,
// from a reply that the proxy or one of its filters made up. A host that does
// not say is taken to bring the upstream's.
func (s *Stream) fromUpstream() (bool, error) {
	details, err := s.plugin.host.Property(responseDetails)
	if errors.Is(err, ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, stepError{"reading the property response.code_details", err}
	}
	return details == "via_upstream" || strings.Contains(details, "cache"), nil
}

// response is the response's head.
func (s *Stream) response() (int, engine.Headers, error) {
	lines, err := s.plugin.host.Headers(ResponseHeaders)
	if err != nil {
		return 0, nil, stepError{"reading the response headers", err}
	}
	status := 0
	headers := lines[:0] // the lines are ours, and none is added
	for _, line := range lines {
		if line[0] != ":status" {
			headers = append(headers, line)
			continue
		}
		if status, err = strconv.Atoi(line[1]); err != nil {
			return 0, nil, stepError{"reading the response status", err}
		}
	}
	if status == 0 {
		return 0, nil, errors.New("the response headers have no :status")
	}
	return status, headers, nil
}
