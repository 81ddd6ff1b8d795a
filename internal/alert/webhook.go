package alert

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// maxQueued is how many alerts wait for a slow receiver; more are dropped and
	// counted, so that they hold up nothing.
	maxQueued = 1000
	// maxBatch is how many go in one request.
	maxBatch = 100
	// attempts is how often a request is tried, with a pause that doubles.
	attempts = 3
	// postTimeout is for one attempt: a receiver that takes longer is down.
	postTimeout = 5 * time.Second
)

// errFull is why alerts are dropped.
var errFull = errors.New("the receiver is slower than alerts come")

// Webhook posts alerts to a URL as a JSON array, in the background.
type Webhook struct {
	url    string
	client *http.Client
	pause  time.Duration
	queue  chan Alert
	done   sync.WaitGroup

	mu      sync.Mutex
	dropped int
	failed  int
	last    error
}

// NewWebhook starts posting to a URL. Redirects are not followed.
func NewWebhook(url string) *Webhook {
	w := &Webhook{
		url: url, pause: time.Second, queue: make(chan Alert, maxQueued),
		client: &http.Client{Timeout: postTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	w.done.Go(w.run)
	return w
}

// Send queues an alert. It never waits.
func (w *Webhook) Send(a Alert) {
	select {
	case w.queue <- a:
	default:
		w.mu.Lock()
		w.dropped++
		w.mu.Unlock()
	}
}

// Close posts what is queued and returns an error when alerts were lost.
func (w *Webhook) Close() error {
	close(w.queue)
	w.done.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dropped+w.failed == 0 {
		return nil
	}
	return fmt.Errorf("webhook: %d alerts were not delivered and %d dropped: %w", w.failed, w.dropped, cmp.Or(w.last, errFull))
}

// run posts batches until the queue is closed.
func (w *Webhook) run() {
	for a := range w.queue {
		batch := []Alert{a}
		for more := true; more && len(batch) < maxBatch; {
			select {
			case next, ok := <-w.queue:
				if more = ok; ok {
					batch = append(batch, next)
				}
			default:
				more = false
			}
		}
		if err := w.deliver(batch); err != nil {
			w.mu.Lock()
			w.failed += len(batch)
			w.last = err
			w.mu.Unlock()
		}
	}
}

// deliver tries a batch a few times.
func (w *Webhook) deliver(batch []Alert) (err error) {
	body, err := json.Marshal(batch)
	if err != nil {
		return err
	}
	pause := w.pause
	for try := range attempts {
		if try > 0 {
			time.Sleep(pause)
			pause *= 2
		}
		if err = w.post(body); err == nil {
			return nil
		}
	}
	return err
}

func (w *Webhook) post(body []byte) error {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := w.client.Do(r)
	if err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, res.Body, 1<<16) // for the connection's next use
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the receiver answered %s", res.Status)
	}
	return nil
}
