package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// accessLine waits for the access log's line about this test's exchange.
func accessLine(t *testing.T) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	line, err := shared(t).AccessLine(ctx, caseOf(t))
	require.NoError(t, err)
	return asText(t, line)
}

// auditLine waits for the filter's audit line with a transaction id.
func auditLine(t *testing.T, transaction string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, fields := shared(t), map[string]any{}
	require.NoError(t, p.WaitFor(ctx, func() bool {
		for line := range strings.Lines(p.Log()) {
			_, text, ok := strings.Cut(line, "tabard audit ")
			if ok && strings.Contains(text, `"transaction_id":"`+transaction+`"`) {
				return json.Unmarshal([]byte(text), &fields) == nil
			}
		}
		return false
	}), "no audit line for %s", transaction)
	return asText(t, fields)
}

// asText keeps strings and writes everything else as JSON.
func asText(t *testing.T, values map[string]any) map[string]string {
	t.Helper()
	fields := map[string]string{}
	for name, value := range values {
		if text, ok := value.(string); ok {
			fields[name] = text
			continue
		}
		encoded, err := json.Marshal(value)
		require.NoError(t, err)
		fields[name] = string(encoded)
	}
	return fields
}

func TestTheAccessLogShowsVerdictRulesAndScore(t *testing.T) {
	t.Run("of a blocked request", func(t *testing.T) {
		eachProtocol(t, "sample", func(t *testing.T, c client, addr string) {
			c.send(t, addr, request{path: inQuery})
			line := accessLine(t)
			require.Equal(t, "403", line["status"])
			require.Equal(t, "tabard_rule", line["details"])
			require.Equal(t, "block", line["verdict"])
			require.Equal(t, "2", line["phase"])
			require.Equal(t, "10", line["score"], "of 942100 and of the profile's rule")
			require.Contains(t, line["rules"], "942100")
			require.Regexp(t, `^[0-9a-f-]{36}$`, line["transaction_id"])
			require.Equal(t, "/anything", line["path"], "without the query")
		})
	})
	t.Run("of a harmless request on a named route", func(t *testing.T) {
		eachProtocol(t, "sample", func(t *testing.T, c client, addr string) {
			c.send(t, addr, request{path: "/anything/orders/7", header: [][2]string{jsonType}, body: "{}"})
			line := accessLine(t)
			require.Equal(t, "via_upstream", line["details"])
			require.Equal(t, "pass", line["verdict"])
			require.Equal(t, "orders", line["route"])
			require.Equal(t, "null", line["rules"], "no rule has matched")
		})
	})
	t.Run("of a response that is blocked", func(t *testing.T) {
		eachProtocol(t, "rules", func(t *testing.T, c client, addr string) {
			c.send(t, addr, request{path: "/leak"})
			line := accessLine(t)
			require.Equal(t, "block", line["verdict"])
			require.Equal(t, "4", line["phase"])
			require.Equal(t, "1004,1014", line["rules"])
		})
	})
}

func TestTheAuditLineSaysWhyAndKeepsSecrets(t *testing.T) {
	eachProtocol(t, "rules", func(t *testing.T, c client, addr string) {
		got := c.send(t, addr, request{path: "/anything?pin=s3cr3t&see=x", header: [][2]string{
			{"Authorization", "Bearer s3cr3t-token"}, {"Cookie", "session=s3cr3t-cookie; theme=dark"},
		}})
		require.Equal(t, http.StatusOK, got.status, "the rules only report")
		line := accessLine(t)
		audit := auditLine(t, line["transaction_id"])
		require.Equal(t, "detect", audit["verdict"])
		require.Equal(t, "127.0.0.1", audit["client"])
		require.Contains(t, audit["rules"], `"id":1021`)
		require.Contains(t, audit["target"], "see=x", "what is no secret is there")
		require.NotContains(t, fmt.Sprint(audit), "s3cr3t")
		require.NotContains(t, shared(t).Log(), "s3cr3t", "nor in any other line")
		require.NotContains(t, shared(t).AccessLog(), "s3cr3t")
	})
}

func TestAHarmlessRequestHasNoAuditLine(t *testing.T) {
	eachProtocol(t, "sample", func(t *testing.T, c client, addr string) {
		c.send(t, addr, request{path: "/anything?q=shoes"})
		require.NotContains(t, shared(t).Log(), accessLine(t)["request_id"])
	})
}

// The counters of all workers are one, and their last parts become labels by
// the stats_tags of envoy/envoy.yaml.
func TestCountersAndTheHistogramAreInPrometheusFormat(t *testing.T) {
	t.Parallel()
	p, c := shared(t), clients()[0]
	before := metrics(t)
	c.send(t, p.Addr("sample"), request{path: "/anything?q=shoes"})
	c.send(t, p.Addr("sample"), request{path: inQuery})
	c.send(t, p.Addr("limits"), request{path: "/anything", header: [][2]string{formType}, body: "a=" + strings.Repeat("x", 4000)})
	c.send(t, p.Addr("limits"), request{path: "/anything/blind", header: [][2]string{formType}, body: "a=bc"})
	want := map[string]float64{
		`tabard_requests{outcome="pass"}`:           1,
		`tabard_requests{outcome="block"}`:          2,
		`tabard_blocked{phase="2"}`:                 1,
		`tabard_rule_hits{rule="942100"}`:           1,
		`tabard_body_over_limit{side="request"}`:    1,
		`tabard_uninspected_bytes{reason="policy"}`: 4,
		`tabard_exchange_us_count`:                  4,
		`tabard_exchange_us_bucket{le="+Inf"}`:      4,
		`tabard_internal_errors{kind="panic"}`:      0,
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	missing := ""
	err := p.WaitFor(ctx, func() bool {
		missing = ""
		now := metrics(t)
		for name, n := range want {
			if _, there := now[name]; !there || now[name]-before[name] < n {
				missing += fmt.Sprintf("%s rose by %v of %v\n", name, now[name]-before[name], n)
			}
		}
		return missing == ""
	})
	require.NoError(t, err, missing)
}

var sample = regexp.MustCompile(`(?m)^(?:envoy_)?(?:wasmcustom_)?(tabard_[^ ]+) ([0-9.e+]+)$`)

// metrics reads tabard's lines of /stats/prometheus, without empty labels.
func metrics(t *testing.T) map[string]float64 {
	t.Helper()
	text, err := shared(t).Admin(t.Context(), "/stats/prometheus")
	require.NoError(t, err)
	values := map[string]float64{}
	for _, m := range sample.FindAllStringSubmatch(text, -1) {
		var value float64
		_, err := fmt.Sscan(m[2], &value)
		require.NoError(t, err)
		values[strings.Replace(m[1], "{}", "", 1)] += value
	}
	return values
}
