package e2e

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/e2e/envoyrun"
	"tabard/e2e/function"
)

// proxy is an Envoy in front of a function.
type proxy struct {
	*envoyrun.Envoy
	function *function.Function
}

// sites are the policies that most tests share one Envoy for, since a start
// costs Envoy 5 s of CPU. Each is a listener of its own.
var sites = []envoyrun.Site{
	{Name: "sample"}, // envoy/envoy.yaml as users get it
	{Name: "alone", NoFilter: true},
	{Name: "detect", Policy: "mode: detect\n"},
	{Name: "limits", Policy: limitsPolicy},
	{Name: "rules", Policy: rulesPolicy, Adjust: withRouteName},
	{Name: "tls", Policy: rulesPolicy, Adjust: withRouteName, Listener: withTLS},
	{Name: "hops", Policy: hopsPolicy, Adjust: func(manager envoyrun.Tree) { manager["xff_num_trusted_hops"] = 1 }},
	{Name: "ownhops", Policy: "client_address: {trusted_hops: 1}\n" + hopsPolicy, Adjust: withoutOwnHop},
	// As the bytes came: what Envoy does not refuse itself reaches the rules
	// unchanged, so verdicts can be compared with those of other runners.
	{Name: "raw", Policy: rawPolicy, Adjust: withoutNormalisation},
}

// limitsPolicy has limits that a test reaches with few bytes.
const limitsPolicy = `request_body: {limit_bytes: 2048}
routes:
- name: reject-response
  path_prefix: /base64
  response_body: {inspect: true, limit_bytes: 2048, over_limit: reject}
- name: partial
  path_prefix: /anything/partial
  request_body: {limit_bytes: 2048, over_limit: partial}
- name: blind
  path_prefix: /anything/blind
  request_body: {inspect: false}
- name: partial-response
  path_prefix: /bytes
  response_body: {inspect: true, limit_bytes: 2048, over_limit: partial, content_types: [application/octet-stream]}
`

// rulesPolicy has one rule a phase, and rules that show what they see.
const rulesPolicy = `crs: {enabled: false}
response_body: {inspect: true}
redact: [pin]
directives:
- inline: |
    SecRule REQUEST_HEADERS:x-deny "@streq phase1" "id:1001,phase:1,deny,status:451,log,msg:'phase 1'"
    SecRule REQUEST_HEADERS:x-deny "@streq phase2" "id:1002,phase:2,deny,status:422,log,msg:'phase 2'"
    SecRule RESPONSE_HEADERS:x-leak "@rx ." "id:1003,phase:3,deny,status:502,log,msg:'phase 3'"
    SecRule RESPONSE_BODY "@contains SQL syntax" "id:1004,phase:4,deny,status:503,log,msg:'phase 4'"
    SecRule SERVER_NAME "@streq seen.example" "id:1010,phase:1,pass,log,msg:'host'"
    SecRule REQUEST_HEADERS:Host "@streq seen.example:8443" "id:1011,phase:1,pass,log,msg:'authority'"
    SecRule TX:tabard_scheme "@streq https" "id:1012,phase:1,pass,log,msg:'scheme'"
    SecRule TX:tabard_tls "@streq 1" "id:1013,phase:1,pass,log,msg:'tls'"
    SecRule TX:tabard_proxy_route "@streq named-route" "id:1014,phase:1,pass,log,msg:'route'"
    SecRule ARGS:see "@rx ." "id:1020,phase:2,pass,log,msg:'saw %{ARGS.see}',logdata:'%{REQUEST_URI}'"
    SecRule REQUEST_HEADERS:Authorization|REQUEST_COOKIES|ARGS:pin "@contains s3cr3t" "id:1021,phase:2,pass,log,msg:'secret %{MATCHED_VAR}'"
`

// hopsPolicy blocks one network.
const hopsPolicy = "crs: {enabled: false}\nip: {block: [203.0.113.0/24]}\n"

// rawPolicy is the built-in default with every method allowed that the corpus
// has.
const rawPolicy = "mode: block\n"

// withoutOwnHop has Envoy not write the peer into X-Forwarded-For: on the
// loopback it would write the address of another interface.
func withoutOwnHop(manager envoyrun.Tree) { manager["skip_xff_append"] = true }

func withoutNormalisation(manager envoyrun.Tree) {
	manager["normalize_path"] = false
	manager["merge_slashes"] = false
	manager["path_with_escaped_slashes_action"] = "KEEP_UNCHANGED"
}

var startShared = sync.OnceValues(func() (*proxy, error) { return startKept(envoyrun.Options{Sites: sites}) })

// kept are the proxies that several tests share; they stop after the last one.
var kept struct {
	sync.Mutex
	all []*proxy
}

func startKept(o envoyrun.Options) (*proxy, error) {
	p, err := start(o)
	if err == nil {
		kept.Lock()
		defer kept.Unlock()
		kept.all = append(kept.all, p)
	}
	return p, err
}

func stopKept() (err error) {
	kept.Lock()
	defer kept.Unlock()
	for _, p := range kept.all {
		err = errors.Join(err, p.stop())
	}
	return err
}

// shared returns the Envoy of all sites, started by the first test that asks.
func shared(t *testing.T) *proxy {
	t.Helper()
	p, err := startShared()
	requireEnvoy(t, err)
	return p
}

// own starts an Envoy for one test.
func own(t *testing.T, o envoyrun.Options) *proxy {
	t.Helper()
	p, err := start(o)
	requireEnvoy(t, err)
	t.Cleanup(func() { require.NoError(t, p.stop()) })
	return p
}

// requireEnvoy skips where there is no Envoy and nobody has named one.
func requireEnvoy(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, envoyrun.ErrNoEnvoy) && os.Getenv("ENVOY") == "" {
		t.Skip(err)
	}
	require.NoError(t, err)
}

func start(o envoyrun.Options) (*proxy, error) {
	f, err := function.Start()
	if err != nil {
		return nil, err
	}
	o.Upstream = f.Addr()
	e, err := envoyrun.Start(context.Background(), o)
	if err != nil {
		return nil, errors.Join(err, f.Stop())
	}
	return &proxy{e, f}, nil
}

func (p *proxy) stop() error { return errors.Join(p.Envoy.Stop(), p.function.Stop()) }

// eachProtocol runs a test for HTTP/1.1 and for HTTP/2 against a site.
func eachProtocol(t *testing.T, site string, test func(t *testing.T, c client, addr string)) {
	t.Helper()
	addr := shared(t).Addr(site)
	for _, c := range clients() {
		t.Run(c.protocol, func(t *testing.T) {
			t.Parallel()
			test(t, c, addr)
		})
	}
}
