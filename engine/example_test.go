package engine_test

import (
	"fmt"
	"net/netip"

	"tabard/engine"
	"tabard/rules"
)

func Example() {
	policy, err := engine.ParsePolicy("policy.yaml", []byte("mode: block\n"))
	if err != nil {
		panic(err)
	}
	waf, err := engine.New(policy, rules.FS())
	if err != nil {
		panic(err)
	}

	ex := waf.Begin(engine.Conn{Peer: netip.MustParseAddrPort("192.0.2.7:4711")})
	verdict := ex.RequestHeaders(engine.Request{
		Method: "GET", Target: "/search?q=1'+OR+'1'='1", Protocol: "HTTP/1.1",
		Scheme: "https", Authority: "shop.example",
		Headers: engine.Headers{{"User-Agent", "Mozilla/5.0"}, {"Accept", "*/*"}},
	}, true)
	ex.End()

	fmt.Println(verdict.Action, verdict.Status, "in phase", verdict.Phase, "with score", verdict.Score)
	for _, m := range verdict.Matches {
		fmt.Println(m.ID, m.Target, m.Value)
	}
	// Output:
	// block 403 in phase 2 with score 5
	// 942100 ARGS:q 1' OR '1'='1
	// 949110 TX:blocking_inbound_anomaly_score 5
}
