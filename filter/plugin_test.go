package filter_test

import (
	"errors"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tabard/engine"
	"tabard/filter"
	"tabard/filter/filtertest"
)

// wrong is a configuration that load refuses.
const wrong = "mode: blok"

var errWrong = errors.New(`plugin configuration:1:7: mode cannot be "blok"; use block or detect`)

// loading starts a VM whose engines have the configuration as their name.
func loading(host *filtertest.Host) (*filter.VM, *[]string) {
	var compiled []string
	return filter.NewVM(host, func(configuration []byte) (filter.Engine, error) {
		if string(configuration) == wrong {
			return nil, errWrong
		}
		compiled = append(compiled, string(configuration))
		return &script{audit: string(configuration)}, nil
	}), &compiled
}

// serves returns the configuration of the engine that a plugin uses.
func serves(host *filtertest.Host, p *filter.Plugin) string {
	host.Stream(1).Blocks[filter.RequestHeaders] = engine.Headers{{":method", "GET"}}
	s := p.NewStream(1)
	s.OnRequestHeaders(true)
	host.Entries = nil
	s.OnDone()
	return host.Entries[0]
}

func TestAWrongConfigurationFailsTheLoad(t *testing.T) {
	host := filtertest.New(wrong)
	vm, _ := loading(host)
	require.False(t, vm.NewPlugin().OnStart())
	require.Equal(t, []string{"critical: tabard: " + errWrong.Error()}, host.Entries)
	require.EqualValues(t, 1, host.Values["tabard.config_rejected"])
}

func TestTheLastGoodEngineStays(t *testing.T) {
	named := func(host *filtertest.Host, name string) {
		host.Stream(1).Properties["plugin_name"] = name
		host.Stream(1).Properties["plugin_root_id"] = "root"
	}
	t.Run("when the same plugin is configured anew", func(t *testing.T) {
		host := filtertest.New("one")
		vm, _ := loading(host)
		p := vm.NewPlugin()
		require.True(t, p.OnStart())
		host.Config = wrong
		require.True(t, p.OnStart())
		require.Equal(t, "critical: tabard: the new configuration is refused and the last good one stays: "+errWrong.Error(), host.Entries[0])
		require.EqualValues(t, 1, host.Values["tabard.config_rejected"])
		require.EqualValues(t, 1, host.Values["tabard.config_loads"])
		require.Equal(t, "info: tabard audit one", serves(host, p))
	})
	t.Run("when the proxy makes a new plugin of the same name", func(t *testing.T) {
		host := filtertest.New("one")
		vm, _ := loading(host)
		named(host, "tabard")
		old := vm.NewPlugin()
		require.True(t, old.OnStart())
		host.Config = wrong
		p := vm.NewPlugin()
		require.True(t, p.OnStart())
		old.OnDone()
		require.Equal(t, "info: tabard audit one", serves(host, p))
		again := vm.NewPlugin()
		require.True(t, again.OnStart())
		p.OnDone()
		again.OnDone()
		require.False(t, vm.NewPlugin().OnStart(), "but not when no plugin of that name is left")
	})
	t.Run("but not for a plugin of another name", func(t *testing.T) {
		host := filtertest.New("one")
		vm, _ := loading(host)
		named(host, "tabard")
		require.True(t, vm.NewPlugin().OnStart())
		host.Config = wrong
		named(host, "other")
		require.False(t, vm.NewPlugin().OnStart())
	})
}

func TestAGoodConfigurationReplacesTheLast(t *testing.T) {
	host := filtertest.New("one")
	vm, compiled := loading(host)
	p := vm.NewPlugin()
	require.True(t, p.OnStart())
	host.Config = "two"
	require.True(t, p.OnStart())
	require.Equal(t, "info: tabard audit two", serves(host, p))
	require.True(t, p.OnStart(), "the same again")
	require.Equal(t, []string{"one", "two"}, *compiled, "is not compiled again")
	require.Equal(t, "info: tabard audit two", serves(host, p))
}

func TestAHostThatFailsAtTheStartFailsTheLoad(t *testing.T) {
	for _, call := range []string{
		"define(counter, tabard.requests.outcome.pass)", "define(histogram", "tick", "property(plugin_name)", "property(plugin_root_id)", "configuration",
	} {
		for _, panics := range []bool{false, true} {
			t.Run(call+map[bool]string{false: " fails", true: " panics"}[panics], func(t *testing.T) {
				host := filtertest.New("one")
				if panics {
					host.BreakWithPanic(call, errHost)
				} else {
					host.Break(call, errHost)
				}
				vm, _ := loading(host)
				require.False(t, vm.NewPlugin().OnStart())
				require.Contains(t, host.Entries[0], "the host fails")

				host.Mend()
				require.True(t, vm.NewPlugin().OnStart(), "and does no harm to the next one")
			})
		}
	}
}

func TestALoaderThatPanicsFailsTheLoad(t *testing.T) {
	host := filtertest.New("one")
	vm := filter.NewVM(host, func([]byte) (filter.Engine, error) { panic("the loader broke") })
	require.False(t, vm.NewPlugin().OnStart())
	require.Contains(t, host.Entries[0], "panic: the loader broke")
}

func TestCountersThatFailAreComplainedOfOnce(t *testing.T) {
	b := newBench(t, &script{})
	b.host.Break("counter(", errHost)
	for range 3 {
		s := b.request()
		s.OnResponseHeaders(true)
		s.OnDone()
	}
	require.Equal(t, []string{"error: tabard: a metric cannot be recorded, the counters are no longer exact: the host fails"}, b.host.Entries)
	require.Empty(t, b.host.Stream(1).Replies)
}

func TestARuleWhoseCounterCannotBeMadeIsCountedWithTheOthers(t *testing.T) {
	b := newBench(t, &script{verdicts: map[string]engine.Verdict{"RequestHeaders": {Action: engine.Detect, Matches: []engine.Match{{ID: 7}}}}})
	b.host.Break("define(counter, tabard.rule_hits.rule.7)", errHost)
	b.request().OnDone()
	require.Equal(t, "rule_hits.rule.other 1", b.counts("rule_hits"))
}

// tiny stands for the rules: the settings that the engine always loads.
var tiny = fstest.MapFS{
	"@coraza.conf-recommended": &fstest.MapFile{Data: []byte("SecRuleEngine On\n")},
	"@tabard/base/base.conf":   &fstest.MapFile{Data: []byte("SecRequestBodyAccess On\n")},
}

const tinyPolicy = `
crs: {enabled: false}
directives:
  - inline: SecRule ARGS "@contains attack" "id:1,phase:2,deny,status:403,log,msg:'attack'"
`

func TestCompileMakesTheEngineItself(t *testing.T) {
	load := filter.Compile(tiny)
	_, err := load([]byte(wrong))
	require.ErrorContains(t, err, filter.ConfigurationName+":1:7: ")
	_, err = load([]byte("directives: [{file: none/*.conf}]"))
	require.Error(t, err)

	e, err := load([]byte(tinyPolicy))
	require.NoError(t, err)
	for target, want := range map[string]engine.Action{"/?q=attack": engine.Block, "/?q=attic": engine.Pass} {
		x := e.Begin(engine.Conn{})
		v := x.RequestHeaders(engine.Request{Method: "GET", Target: target, Protocol: "HTTP/1.1", Authority: "a"}, true)
		require.Equal(t, want, v.Action, target)
		x.End()
	}
}
