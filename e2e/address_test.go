package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabard/e2e/envoyrun"
	"tabard/e2e/function"
)

const blockedNetwork = "203.0.113.9"

func TestTheClientsAddressIsTheOneThatTrustedProxiesSay(t *testing.T) {
	for _, tc := range []struct {
		name, site, forwarded string
		status                int
	}{
		{"Envoy trusts one hop and the client is in a blocked network", "hops", blockedNetwork, 403},
		{"Envoy trusts one hop and an entry before it is a forgery", "hops", blockedNetwork + ", 198.51.100.1", 200},
		{"Envoy trusts one hop and the client is behind forged entries", "hops", "198.51.100.1, " + blockedNetwork, 403},
		{"Envoy trusts none, so the header says nothing", "sample", blockedNetwork, 200},
		{"the policy trusts one hop and the client is in a blocked network", "ownhops", blockedNetwork, 403},
		{"the policy trusts one hop and an entry before it is a forgery", "ownhops", blockedNetwork + ", 198.51.100.1", 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			eachProtocol(t, tc.site, func(t *testing.T, c client, addr string) {
				got := c.send(t, addr, request{path: "/anything", header: [][2]string{{"X-Forwarded-For", tc.forwarded}}})
				require.Equal(t, tc.status, got.status, got.body)
			})
		})
	}
}

func TestRulesSeeHostAuthoritySchemeAndRoute(t *testing.T) {
	send := func(t *testing.T, c *http.Client, url, host string) (rules string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		request.Host = host
		request.Header.Set(function.CaseHeader, caseOf(t))
		got, err := c.Do(request)
		require.NoError(t, err)
		require.NoError(t, got.Body.Close())
		require.Equal(t, http.StatusOK, got.StatusCode)
		return accessLine(t)["rules"]
	}
	for _, two := range []bool{false, true} {
		t.Run(fmt.Sprintf("over TLS, HTTP/2 %v", two), func(t *testing.T) {
			t.Parallel()
			protocols := new(http.Protocols)
			protocols.SetHTTP1(!two)
			protocols.SetHTTP2(two)
			c := &http.Client{Transport: &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
			require.Equal(t, "1010,1011,1012,1013,1014", send(t, c, "https://"+shared(t).Addr("tls")+"/anything", "seen.example:8443"))
		})
		t.Run(fmt.Sprintf("in the clear with another name, HTTP/2 %v", two), func(t *testing.T) {
			t.Parallel()
			require.Equal(t, "1014", send(t, newClient(two), "http://"+shared(t).Addr("rules")+"/anything", "other.example"))
		})
	}
}

// withRouteName names the only route.
func withRouteName(manager envoyrun.Tree) {
	manager.At("route_config", "virtual_hosts", 0, "routes", 0)["name"] = "named-route"
}

// withTLS has a listener speak TLS with a certificate made for this run.
func withTLS(listener envoyrun.Tree) {
	certificate, key, err := selfSigned()
	if err != nil {
		panic(err)
	}
	listener.At("filter_chains", 0)["transport_socket"] = map[string]any{
		"name": "envoy.transport_sockets.tls",
		"typed_config": map[string]any{
			"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
			"common_tls_context": map[string]any{
				"alpn_protocols": []any{"h2", "http/1.1"},
				"tls_certificates": []any{map[string]any{
					"certificate_chain": map[string]any{"inline_string": certificate},
					"private_key":       map[string]any{"inline_string": key},
				}},
			},
		},
	}
}

// selfSigned makes a certificate and its key in PEM.
func selfSigned() (certificate, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"seen.example"}, NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	if err != nil {
		return "", "", err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return certificate, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})), nil
}
