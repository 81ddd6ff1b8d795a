package filter

import (
	"bytes"
	"errors"
	"time"
)

// tickPeriodMS is how often held streams are looked at. It bounds how late a
// stuck one is noticed; a tick without held streams costs one empty call.
const tickPeriodMS = 1000

// holdLimit is how long a stream may be held without a byte of its body until
// it is known that this host delivers bodies of held streams at all. Slow
// clients send something within it; more would make a wrong configuration of
// the proxy look like a hanging backend.
const holdLimit = 10 * time.Second

// errStuck says what to change when a body never comes. The second cause, a
// client that sends headers only, is possible until the first body has come.
var errStuck = errors.New("the stream was held for its body and none came in " + holdLimit.String() +
	`; if each request with a body ends so, add "allow_on_headers_stop_iteration: true" beside ` +
	`"configuration" in Envoy's wasm filter: without it Envoy keeps the body from the filter`)

// VM is the filter in one virtual machine of the proxy, with all its plugins.
type VM struct {
	host Host
	load Loader
	// clock is a monotonic time; only differences of it mean anything.
	clock func() time.Duration
	// wall is the time of day, which virtual machines share.
	wall func() time.Time
	// noted is the time of day at a time of the clock, taken anew each tick.
	noted struct {
		wall  time.Time
		clock time.Duration
	}
	metrics *metrics
	plugins map[*Plugin]bool
	// good is the last engine that compiled, by plugin: a plugin that is
	// configured anew and wrongly keeps its engine, even where the proxy
	// makes a new plugin context for it.
	good map[string]loaded
}

// loaded is an engine and the configuration that it was made of.
type loaded struct {
	configuration []byte
	engine        Engine
}

// Option changes what NewVM takes from its surroundings.
type Option func(*VM)

// WithClock replaces the monotonic clock, for tests.
func WithClock(clock func() time.Duration) Option { return func(vm *VM) { vm.clock = clock } }

// WithWallClock replaces the time of day, for tests.
func WithWallClock(wall func() time.Time) Option { return func(vm *VM) { vm.wall = wall } }

// NewVM returns a filter that calls host and compiles configurations with load.
func NewVM(host Host, load Loader, opts ...Option) *VM {
	start := time.Now()
	vm := &VM{
		host:    host,
		load:    load,
		clock:   func() time.Duration { return time.Since(start) },
		wall:    time.Now,
		metrics: newMetrics(host),
		plugins: map[*Plugin]bool{},
		good:    map[string]loaded{},
	}
	for _, opt := range opts {
		opt(vm)
	}
	vm.note()
	return vm
}

// note takes the time of day.
func (vm *VM) note() { vm.noted.wall, vm.noted.clock = vm.wall(), vm.clock() }

// timeOf is the time of day at a time of the clock. In wasm each look at a clock
// is a call of the host, and every exchange has looked at this one.
func (vm *VM) timeOf(at time.Duration) time.Time { return vm.noted.wall.Add(at - vm.noted.clock) }

// Plugin is one configuration of the filter: in Envoy, one entry among the
// http_filters of a listener or route.
type Plugin struct {
	vm      *VM
	host    Host
	name    string
	engine  Engine
	metrics *metrics
	// held are the streams that OnTick looks at, each with the time since
	// which it waits.
	held map[*Stream]time.Duration
	// connections are those that requests have come on.
	connections connections
	// warmed is the engine whose fast path is there.
	warmed Engine
	// disagreements are those of the engine that have been counted.
	disagreements int
	// feeds are the texts that the engine wants from URLs.
	feeds []*feed
	// delivers is true once the host has given a body of a held stream.
	delivers bool
}

// NewPlugin returns a plugin that OnStart will configure.
func (vm *VM) NewPlugin() *Plugin {
	p := &Plugin{vm: vm, host: vm.host, metrics: vm.metrics, held: map[*Stream]time.Duration{}}
	vm.plugins[p] = true
	return p
}

// OnStart compiles the plugin's configuration. It returns false, which fails
// the load, when that cannot be done and no engine of an earlier, good
// configuration is there to go on with.
func (p *Plugin) OnStart() (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			ok = p.refuse(panicError{r})
		}
	}()
	if err := p.prepare(); err != nil {
		return p.refuse(err)
	}
	configuration, err := p.host.Configuration()
	if err != nil {
		return p.refuse(stepError{"reading the configuration", err})
	}
	if good, ok := p.vm.good[p.name]; ok && bytes.Equal(good.configuration, configuration) {
		p.engine = good.engine
		p.watchFeeds()
		return true
	}
	e, err := p.vm.load(configuration)
	if err != nil {
		return p.refuse(err)
	}
	p.engine = e
	p.vm.good[p.name] = loaded{bytes.Clone(configuration), e}
	p.metrics.add(p.metrics.loads, 1)
	p.report()
	p.watchFeeds()
	return true
}

// report passes on what the engine says about itself: why it has no fast path,
// and that the fast path was wrong and is off.
func (p *Plugin) report() {
	e, ok := p.engine.(interface {
		Reports() []string
		Disagreements() int
	})
	if !ok {
		return
	}
	for _, line := range e.Reports() {
		p.host.Log(Warn, "tabard: "+line)
	}
	if n := e.Disagreements(); n > p.disagreements {
		p.metrics.add(p.metrics.disagree, uint64(n-p.disagreements))
		p.disagreements = n
	}
}

// prepare does what needs no configuration: metrics, name, tick.
func (p *Plugin) prepare() error {
	if err := p.metrics.define(); err != nil {
		return err
	}
	name, err := p.identity()
	if err != nil {
		return stepError{"reading the plugin's name", err}
	}
	p.name = name
	if err := p.host.Tick(tickPeriodMS); err != nil {
		return stepError{"asking for a tick", err}
	}
	return nil
}

// identity is the name that a plugin keeps when it is configured anew.
func (p *Plugin) identity() (string, error) {
	name, err := p.optional(pluginName)
	if err != nil {
		return "", err
	}
	root, err := p.optional(pluginRootID)
	return name + "\x00" + root, err
}

// optional reads a property that need not be there.
func (p *Plugin) optional(a Attribute) (string, error) {
	value, err := p.host.Property(a)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return value, err
}

// refuse reports a configuration that cannot be used, and says whether the
// plugin can go on without it.
func (p *Plugin) refuse(err error) bool {
	p.metrics.add(p.metrics.rejected, 1)
	if p.engine == nil {
		p.engine = p.vm.good[p.name].engine
	}
	if p.engine == nil {
		p.host.Log(Critical, "tabard: "+err.Error())
		return false
	}
	p.host.Log(Critical, "tabard: the new configuration is refused and the last good one stays: "+err.Error())
	return true
}

// OnDone is called when the proxy drops the plugin; its streams are over.
func (p *Plugin) OnDone() {
	delete(p.vm.plugins, p)
	for other := range p.vm.plugins {
		if other.name == p.name {
			return
		}
	}
	delete(p.vm.good, p.name)
}

// OnTick ends the streams that have been held for too long, tries again to answer
// those that could not be, and looks after the feeds.
func (p *Plugin) OnTick() {
	p.vm.note()
	now := p.vm.noted.clock
	for s, since := range p.held {
		s.onTick(now - since)
	}
	p.warm()
	p.report()
	p.tickFeeds()
}

// warm builds the engine's fast path at the first tick. At the start it would
// keep Envoy from being ready, once for each of its virtual machines.
func (p *Plugin) warm() {
	e, ok := p.engine.(interface{ Warm() })
	if !ok || p.warmed == p.engine {
		return
	}
	p.warmed = p.engine
	e.Warm()
}

// hold has OnTick look at a stream.
func (p *Plugin) hold(s *Stream) { p.held[s] = p.vm.clock() }

// release is the opposite of hold.
func (p *Plugin) release(s *Stream) { delete(p.held, s) }

// arrived notes that the host delivers bodies of held streams, which ends the
// watch over all that wait for one: from now on they are merely slow.
func (p *Plugin) arrived() {
	if p.delivers {
		return
	}
	p.delivers = true
	for s := range p.held {
		if s.state != unanswered {
			delete(p.held, s)
		}
	}
}
