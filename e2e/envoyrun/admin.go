package envoyrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Addr returns the host:port of a site.
func (e *Envoy) Addr(site string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sites[site]
}

// Admin returns the answer of Envoy's admin interface to GET path.
func (e *Envoy) Admin(ctx context.Context, path string) (string, error) {
	return e.admin(ctx, http.MethodGet, path)
}

func (e *Envoy) admin(ctx context.Context, method, path string) (string, error) {
	address, err := os.ReadFile(e.path("admin"))
	if err != nil {
		return "", err
	}
	target := url.URL{Scheme: "http", Host: strings.TrimSpace(string(address))}
	request, err := http.NewRequestWithContext(ctx, method, target.String()+path, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("admin %s: %s: %s", path, response.Status, body)
	}
	return string(body), err
}

// waitReady waits until every site accepts connections.
func (e *Envoy) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := e.lookReady(ctx)
		if err == nil {
			e.ready = time.Since(e.started)
			return nil
		}
		select {
		case <-e.exited:
			return fmt.Errorf("it ended (%v) before it was ready:\n%s", e.exitErr, e.Log())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err, errors.New(e.Log()))
		case <-time.After(pollEvery):
		}
	}
}

func (e *Envoy) lookReady(ctx context.Context) error {
	if _, err := e.Admin(ctx, "/ready"); err != nil {
		return err
	}
	sites, err := e.listeners(ctx)
	if err != nil {
		return err
	}
	for name, addr := range sites {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return fmt.Errorf("site %s: %w", name, err)
		}
		_ = conn.Close()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sites = sites
	return nil
}

// listeners reads the ports that Envoy has chosen.
func (e *Envoy) listeners(ctx context.Context) (map[string]string, error) {
	text, err := e.Admin(ctx, "/listeners?format=json")
	if err != nil {
		return nil, err
	}
	var answer struct {
		Statuses []struct {
			Name  string `json:"name"`
			Local struct {
				Socket struct {
					Address string `json:"address"`
					Port    int    `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return nil, fmt.Errorf("admin /listeners: %w", err)
	}
	sites := map[string]string{}
	for _, s := range answer.Statuses {
		sites[s.Name] = fmt.Sprintf("%s:%d", s.Local.Socket.Address, s.Local.Socket.Port)
	}
	if len(sites) < len(e.options.Sites) {
		return nil, fmt.Errorf("%d of %d listeners are there", len(sites), len(e.options.Sites))
	}
	return sites, nil
}

// Counter returns a counter of /stats by its full name, 0 when it is not there.
func (e *Envoy) Counter(ctx context.Context, name string) (int, error) {
	text, err := e.Admin(ctx, "/stats?filter=^"+url.QueryEscape(strings.ReplaceAll(name, ".", `\.`))+"$")
	if err != nil {
		return 0, err
	}
	var n int
	if _, value, ok := strings.Cut(text, ": "); ok {
		_, err = fmt.Sscan(value, &n)
	}
	return n, err
}

// WaitFor waits until look returns true, and returns the error of ctx when
// that comes first. Envoy writes its log and its counters a little after the
// exchange that they are about.
func (e *Envoy) WaitFor(ctx context.Context, look func() bool) error {
	for !look() {
		select {
		case <-e.exited:
			return fmt.Errorf("Envoy has ended: %v", e.exitErr)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
	return nil
}
