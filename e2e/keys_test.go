package e2e

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tabard/e2e/envoyrun"
	"tabard/engine/jwt/jwttest"
)

const fetchedKeysPolicy = `crs: {enabled: false}
jwt: {mode: required, keys_from: {url: "http://id.example/jwks", cluster: id, refresh_seconds: 10}}
routes:
- {name: open, path_prefix: /anything/open, jwt: {mode: required, keys_from: {url: "http://id.example/none", cluster: nowhere, until_fetched: open}}}
`

// One Envoy with two workers fetches keys, follows their rotation, and keeps them
// while the issuer is broken.
func TestKeysAreFetchedByOneAndKnownToAll(t *testing.T) {
	t.Parallel()
	oldKey, newKey := jwttest.NewSigner("old"), jwttest.NewSigner("the-new-one")
	oldToken, newToken := oldKey.Token(`{"sub":"u1"}`), newKey.Token(`{"sub":"u1"}`)
	server := newFeedServer(t, "not a key set")
	p := own(t, envoyrun.Options{
		Concurrency: 2, Clusters: map[string]string{"id": server.Listener.Addr().String()},
		Sites: []envoyrun.Site{{Name: "keys", Policy: fetchedKeysPolicy}},
	})
	status := func(path, token string) int {
		// A connection of its own each time: any of the workers may take it.
		c := client{"HTTP1", newClient(false)}
		defer c.http.CloseIdleConnections()
		return c.send(t, p.Addr("keys"), request{path: path, header: [][2]string{{"Authorization", "Bearer " + token}}}).status
	}
	always := func(token string, want int) func() bool {
		return func() bool {
			for range 8 {
				if status("/anything", token) != want {
					return false
				}
			}
			return true
		}
	}
	wait := func(what string, done func() bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		require.NoError(t, p.WaitFor(ctx, done), "%s\n%s", what, p.Log())
	}
	asked := func() bool { return len(server.seen()) > 0 }

	wait("a text that is no key set is asked for", asked)
	require.True(t, always(oldToken, 401)(), "before the first good answer no token is good")
	require.Equal(t, 200, status("/anything/open", oldToken), "where the policy says so, it is")
	require.Contains(t, p.Log(), "the feed jwks is not updated and stays what it was: http://id.example/jwks: line 1, column 1: not a JSON text")
	require.Contains(t, p.Log(), "Token refused: the keys of this route have not been fetched yet")

	server.set(jwttest.KeySet(oldKey), false)
	wait("the first key set is known to every worker", always(oldToken, 200))
	require.Equal(t, 401, status("/anything", newToken))
	require.Equal(t, 401, status("/anything", oldToken[:len(oldToken)-4]+"AAAA"), "a changed signature")

	server.set(jwttest.KeySet(oldKey), false)
	wait("an unchanged key set is not sent again", asked)
	require.Equal(t, http.StatusNotModified, server.seen()[0])

	server.set(jwttest.KeySet(newKey), false)
	wait("the new key comes", always(newToken, 200))
	require.True(t, always(oldToken, 401)(), "and the old one has left")

	server.set("{", false)
	wait("a broken key set is asked for", asked)
	require.True(t, always(newToken, 200)(), "the last good one stays")
	server.set("", true)
	wait("the issuer is asked again while it is down", asked)
	require.True(t, always(newToken, 200)(), "the last good one stays")

	stats, err := p.Admin(t.Context(), "/stats/prometheus")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^tabard_feed_entries\{[^}]*feed="jwks"[^}]*\} 1$`, stats)
	require.Regexp(t, `(?m)^tabard_feed_entries\{[^}]*feed="jwks.open"[^}]*\} 0$`, stats)
	require.Regexp(t, `(?m)^tabard_feed_age_seconds\{[^}]*feed="jwks"[^}]*\} \d+$`, stats)
	require.NotContains(t, p.Log(), "panic")
}
