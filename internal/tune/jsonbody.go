package tune

import (
	"encoding/json"
	"strconv"
	"strings"

	"tabard/internal/replay"
)

// withJSON gives a request a JSON body with a value at the place that Coraza
// calls json.a.0.b: a number is the index of an array.
func withJSON(e replay.Entry, key, value string) replay.Entry {
	body, _ := json.Marshal(nest(strings.Split(key, ".")[1:], value)) // strings and containers always do
	e.Request.Method, e.Body = "POST", body
	e.Request.Headers = append(e.Request.Headers,
		[2]string{"Content-Type", "application/json"}, [2]string{"Content-Length", strconv.Itoa(len(body))})
	return e
}

// maxIndex bounds the arrays: the value needs a place and no crowd.
const maxIndex = 8

func nest(path []string, value string) any {
	if len(path) == 0 {
		return value
	}
	inner := nest(path[1:], value)
	if n, err := strconv.Atoi(path[0]); err == nil && n >= 0 {
		list := make([]any, min(n, maxIndex)+1)
		list[len(list)-1] = inner
		return list
	}
	return map[string]any{path[0]: inner}
}
