package operators_test

import (
	"os"
	"testing"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/stretchr/testify/require"
)

// BenchmarkFamilies measures phase 1 of a WAF that has nothing but our rules with
// operators, with a request as APIs get them.
func BenchmarkFamilies(b *testing.B) {
	on := map[string]string{"tabard_mime": "application/json application/*+json", "tabard_ip": "none", "tabard_ip_score": "0"}
	off := map[string]string{"tabard_mime": "", "tabard_ip": "off", "tabard_ip_score": "0"}
	rules := "Include ip/*.conf\nInclude api/*.conf\n"
	for name, row := range map[string]struct {
		rules string
		tx    map[string]string
	}{
		"no rules":      {"", on},
		"rules, all on": {rules, on}, "rules, all off": {rules, off},
	} {
		w, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(os.DirFS("../../rules")).WithDirectives("SecRuleEngine On\n" + row.rules))
		require.NoError(b, err)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				phase1(b, w, row.tx)
			}
		})
	}
}

func phase1(b *testing.B, w coraza.WAF, variables map[string]string) {
	tx := w.NewTransaction()
	for key, value := range variables {
		tx.(plugintypes.TransactionState).Variables().TX().Set(key, []string{value})
	}
	tx.ProcessConnection("192.0.2.7", 1234, "192.0.2.1", 443)
	tx.ProcessURI("/orders", "POST", "HTTP/1.1")
	tx.AddRequestHeader("Content-Type", "application/json; charset=utf-8")
	tx.AddRequestHeader("Content-Length", "100")
	require.Nil(b, tx.ProcessRequestHeaders())
	require.NoError(b, tx.Close())
}
