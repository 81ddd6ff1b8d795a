package engine

import (
	"strconv"
	"strings"
)

// BlockResponse returns the response for a client whose exchange is blocked:
// the policy's own, or an RFC 9457 problem for a client that speaks JSON, or
// a line of text. It holds the transaction id, by which a user can ask about
// it, and nothing of the rules.
func (x *Exchange) BlockResponse() (status int, h Headers, body []byte) {
	status = x.verdict.Status
	contentType, text := x.blockBody(status)
	h = Headers{{"content-type", contentType}, {"cache-control", "no-store"}}
	if x.verdict.Redirect != "" {
		h = append(h, [2]string{"location", x.verdict.Redirect})
	}
	return status, h, []byte(text)
}

// finalStatus is a rule's status, or 403 when it is none that can end a response:
// Coraza takes any number, and no runner could send 99 or 101.
func finalStatus(status int) int {
	if status < 200 || status > 599 {
		return 403
	}
	return status
}

func (x *Exchange) blockBody(status int) (contentType, body string) {
	own := x.engine.policy.BlockResponse
	id, code := x.verdict.TransactionID, strconv.Itoa(status)
	switch {
	case own.Body != "":
		return or(own.ContentType, "text/plain; charset=utf-8"),
			strings.NewReplacer("{{transaction_id}}", id, "{{status}}", code).Replace(own.Body)
	case speaksJSON(x.request.Headers):
		// The id holds no character that JSON would escape.
		return "application/problem+json", `{"type":"about:blank","title":"` + statusTitle(status) +
			`","status":` + code + `,"detail":"The request was blocked.","transaction_id":"` + id + `"}` + "\n"
	default:
		return "text/plain; charset=utf-8", code + " " + statusTitle(status) + ": the request was blocked (transaction " + id + ")\n"
	}
}

// speaksJSON says whether the client asks for JSON or has sent it.
func speaksJSON(h Headers) bool {
	for _, name := range [...]string{"accept", "content-type"} {
		value := strings.ToLower(h.Get(name))
		if strings.Contains(value, "/json") || strings.Contains(value, "+json") {
			return true
		}
	}
	return false
}

// statusTitle names the statuses that rules use. net/http has the whole list
// and would cost the filter a megabyte.
func statusTitle(status int) string {
	titles := map[int]string{
		400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
		405: "Method Not Allowed", 406: "Not Acceptable", 413: "Content Too Large",
		415: "Unsupported Media Type", 418: "Blocked", 422: "Unprocessable Content",
		429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented",
		502: "Bad Gateway", 503: "Service Unavailable",
	}
	return or(titles[status], "Blocked")
}
