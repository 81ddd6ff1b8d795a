package filter

import (
	"errors"
	"io/fs"

	"tabard/engine"
)

// ConfigurationName stands for a file name in the errors of a policy that
// came as the plugin's configuration.
const ConfigurationName = "plugin configuration"

// Engine begins exchanges. It is implemented by Native and, where a test
// needs an engine that fails, by the test.
type Engine interface {
	Begin(engine.Conn) Exchange
}

// Exchange is what a stream asks of engine.Exchange; see there.
type Exchange interface {
	RequestHeaders(r engine.Request, end bool) engine.Verdict
	RequestBody(chunk []byte, end bool) engine.Verdict
	RequestTrailers(h engine.Headers) engine.Verdict
	ResponseHeaders(status int, protocol string, h engine.Headers, end bool) engine.Verdict
	ResponseBody(chunk []byte, end bool) engine.Verdict
	HoldRequest() bool
	HoldResponse() bool
	Fail(err error) engine.Verdict
	BlockResponse() (status int, h engine.Headers, body []byte)
	Uninspected() (request, response engine.Skip)
	End() engine.Verdict
	AuditLine() (line []byte, ok bool)
}

// Native is the engine itself as an Engine.
type Native struct{ *engine.Engine }

// Begin starts an exchange.
func (n Native) Begin(c engine.Conn) Exchange { return n.Engine.Begin(c) }

// Loader turns a plugin's configuration into an engine; its error says where
// in the configuration the mistake is.
type Loader func(configuration []byte) (Engine, error)

// Compile returns the Loader that reads a policy and compiles it over rules.
// An empty configuration is the zero Policy: CRS at paranoia level 1, blocking.
func Compile(rules fs.FS) Loader {
	return func(configuration []byte) (Engine, error) {
		policy, err := engine.Policy{}, error(nil)
		if len(configuration) > 0 {
			policy, err = engine.ParsePolicy(ConfigurationName, configuration)
		}
		if err != nil {
			return nil, err
		}
		e, err := engine.New(policy, rules, engine.WithLateScreener())
		if err != nil {
			return nil, err
		}
		for _, f := range e.Feeds() {
			if f.Cluster == "" {
				return nil, errors.New("the set " + f.Name + " has a url and no cluster: name the cluster of " + f.URL + ", a proxy fetches from its clusters only")
			}
		}
		return Native{e}, nil
	}
}

// errNoEngine is what a stream meets whose plugin has never started. A host
// that keeps to proxy-wasm's rules makes no such stream.
var errNoEngine = errors.New("the plugin has no engine: its configuration was refused")
