package alert

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// receiver keeps what is posted; it answers with the statuses in their order,
// and then with 200.
type receiver struct {
	mu       sync.Mutex
	statuses []int
	bodies   [][]byte
	wait     chan struct{} // when not nil, requests wait for it
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if r.wait != nil {
		<-r.wait
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	status := 200
	if len(r.statuses) > 0 {
		status, r.statuses = r.statuses[0], r.statuses[1:]
	}
	if err == nil && status == 200 && request.Header.Get("Content-Type") == "application/json" {
		r.bodies = append(r.bodies, body)
	}
	w.WriteHeader(status)
}

// rules are the names of all alerts that arrived, in their order.
func (r *receiver) rules(t *testing.T) (names []string) {
	t.Helper()
	for _, body := range r.bodies {
		var batch []Alert
		require.NoError(t, json.Unmarshal(body, &batch))
		require.LessOrEqual(t, len(batch), maxBatch)
		for _, a := range batch {
			names = append(names, a.Rule)
		}
	}
	return names
}

func hook(t *testing.T, r *receiver) *Webhook {
	t.Helper()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	w := NewWebhook(server.URL)
	w.pause = time.Millisecond
	return w
}

func TestAlertsArriveInTheirOrder(t *testing.T) {
	r := &receiver{}
	w := hook(t, r)
	var want []string
	for i := range 3 * maxBatch {
		name := fmt.Sprint(i)
		want = append(want, name)
		w.Send(Alert{Rule: name})
	}
	require.NoError(t, w.Close())
	require.Equal(t, want, r.rules(t))
}

func TestAReceiverThatFailsOnceIsTriedAgain(t *testing.T) {
	r := &receiver{statuses: []int{500, 302}}
	w := hook(t, r)
	w.Send(Alert{Rule: "a"})
	require.NoError(t, w.Close())
	require.Equal(t, []string{"a"}, r.rules(t))
}

func TestAlertsThatAreLostAreTold(t *testing.T) {
	r := &receiver{statuses: []int{500, 500, 500}}
	w := hook(t, r)
	w.Send(Alert{Rule: "a"})
	require.EqualError(t, w.Close(), "webhook: 1 alerts were not delivered and 0 dropped: the receiver answered 500 Internal Server Error")
}

func TestASlowReceiverHoldsUpNothing(t *testing.T) {
	r := &receiver{wait: make(chan struct{})}
	w := hook(t, r)
	for range maxQueued + maxBatch + 7 { // one batch is on its way, the queue is full
		w.Send(Alert{Rule: "a"})
	}
	w.mu.Lock()
	require.Positive(t, w.dropped)
	w.mu.Unlock()
	close(r.wait)
	require.ErrorContains(t, w.Close(), "dropped: the receiver is slower than alerts come")
}
