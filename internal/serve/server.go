package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"time"
)

const (
	// headerLimit is how long a client may take for a request's head: a slow
	// one holds a goroutine, and attackers send slow ones on purpose.
	headerLimit = 10 * time.Second
	// idleLimit is how long a connection is kept without a request, as Go's
	// and nginx's defaults are of that order.
	idleLimit = 2 * time.Minute
	// maxHeadBytes is Envoy's limit of 60 KiB, rounded: CRS looks at each byte.
	maxHeadBytes = 64 << 10
	// stopLimit is how long exchanges may go on after the signal to stop; it is
	// the grace period of Kubernetes less a reserve.
	stopLimit = 25 * time.Second
)

// Serve answers requests on a listener until ctx ends: then it takes no new
// ones, lets those that run finish for stopLimit, and returns nil. Without
// TLS it speaks HTTP/1.1 and HTTP/2 with prior knowledge, with TLS the two that
// ALPN names.
func Serve(ctx context.Context, l net.Listener, h http.Handler, secure *tls.Config, logger *log.Logger) error {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{
		Handler: h, ErrorLog: logger, TLSConfig: secure, Protocols: protocols,
		// There is no limit on a whole request or response: streams have no
		// end. Held bodies and single writes have limits of their own.
		ReadHeaderTimeout: headerLimit, IdleTimeout: idleLimit, MaxHeaderBytes: maxHeadBytes,
		// "OPTIONS *" is a request like others: the policy decides, not net/http.
		DisableGeneralOptionsHandler: true,
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		err := s.Shutdown(limit)
		if errors.Is(err, context.DeadlineExceeded) {
			err = s.Close()
		}
		stopped <- err
	})
	defer stop()
	err := serve(s, l)
	if errors.Is(err, http.ErrServerClosed) {
		return <-stopped
	}
	return err
}

func serve(s *http.Server, l net.Listener) error {
	if s.TLSConfig != nil {
		return s.ServeTLS(l, "", "")
	}
	return s.Serve(l)
}
