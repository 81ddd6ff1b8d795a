package envoyrun

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"go.yaml.in/yaml/v3"

	"tabard/envoy"
)

// Options say what to run.
type Options struct {
	// Sites are the listeners, each on a free port of the loopback.
	Sites []Site
	// Upstream is the host:port of the function behind them.
	Upstream string
	// Clusters are further upstreams by name, each a host:port.
	Clusters map[string]string
	// Concurrency is the number of worker threads; 1 when 0.
	Concurrency int
	// Dynamic reads the listeners from a file that Reconfigure replaces.
	Dynamic bool
	// Quiet leaves the access log out.
	Quiet bool
}

// Site is one listener with its own policy.
type Site struct {
	// Name is the listener's.
	Name string
	// Policy is the policy's text; the one of envoy/envoy.yaml when empty.
	Policy string
	// Module is the path of the wasm module; dist/tabard.wasm when empty.
	Module string
	// NoFilter leaves the filter out: Envoy alone.
	NoFilter bool
	// VM separates sites: those with the same name share a virtual machine.
	VM string
	// Adjust changes the connection manager's configuration.
	Adjust func(Tree)
	// Listener changes the whole listener's configuration.
	Listener func(Tree)
}

// Tree is a configuration message of Envoy as JSON.
type Tree map[string]any

// At returns the message at a path of keys and list indexes.
func (t Tree) At(path ...any) Tree { return at[map[string]any](map[string]any(t), path...) }

// at follows keys and list indexes; it panics where the sample configuration
// is no longer built as this package expects, which the next test run shows.
func at[T any](node any, path ...any) T {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			node = node.(map[string]any)[step]
		case int:
			node = node.([]any)[step]
		}
	}
	return node.(T)
}

// write makes envoy.json, and listeners.json beside it where the listeners are
// dynamic.
func (e *Envoy) write(sites []Site) error {
	config, err := readSample()
	if err != nil {
		return err
	}
	config["admin"] = loopback(0)
	static := at[map[string]any](config, "static_resources")
	listeners := []any{}
	for _, site := range sites {
		listener, err := site.listener(e.options.Quiet)
		if err != nil {
			return err
		}
		listeners = append(listeners, listener)
	}
	if err := setUpstream(static, e.options.Upstream); err != nil {
		return err
	}
	if err := addClusters(static, e.options.Clusters); err != nil {
		return err
	}
	if !e.options.Dynamic {
		static["listeners"] = listeners
		return writeJSON(e.path("envoy.json"), config)
	}
	delete(static, "listeners")
	config["node"] = map[string]any{"id": "e2e", "cluster": "e2e"}
	config["dynamic_resources"] = map[string]any{"lds_config": map[string]any{
		"resource_api_version": "V3",
		"path_config_source":   map[string]any{"path": e.path("listeners.json")},
	}}
	if err := writeJSON(e.path("envoy.json"), config); err != nil {
		return err
	}
	return e.writeListeners(listeners)
}

// Reconfigure replaces the listeners of a running Envoy. It returns before
// Envoy has read them: the counters listener_manager.lds.update_success and
// update_rejected tell.
func (e *Envoy) Reconfigure(sites ...Site) error { return e.write(sites) }

func (e *Envoy) writeListeners(listeners []any) error {
	e.mu.Lock()
	e.version++
	version := e.version
	e.mu.Unlock()
	for _, l := range listeners {
		l.(map[string]any)["@type"] = "type.googleapis.com/envoy.config.listener.v3.Listener"
	}
	// Envoy looks at a file again when it is moved there, not when written to.
	part := e.path("listeners.json.part")
	if err := writeJSON(part, map[string]any{"version_info": strconv.Itoa(version), "resources": listeners}); err != nil {
		return err
	}
	return os.Rename(part, e.path("listeners.json"))
}

// listener is the sample's listener with the site's changes.
func (s Site) listener(quiet bool) (map[string]any, error) {
	config, err := readSample()
	if err != nil {
		return nil, err
	}
	listener := at[map[string]any](config, "static_resources", "listeners", 0)
	listener["name"] = s.Name
	listener["address"] = loopback(0)["address"]
	manager := at[map[string]any](listener, "filter_chains", 0, "filters", 0, "typed_config")
	filters := at[[]any](manager, "http_filters")
	if s.NoFilter {
		manager["http_filters"] = filters[1:]
	} else {
		module, err := s.module()
		if err != nil {
			return nil, err
		}
		s.setFilter(module, at[map[string]any](filters, 0, "typed_config", "config"))
	}
	logCase(manager)
	if quiet {
		delete(manager, "access_log")
	}
	if s.Adjust != nil {
		s.Adjust(manager)
	}
	if s.Listener != nil {
		s.Listener(listener)
	}
	return listener, nil
}

// module is the path of the module.
func (s Site) module() (string, error) {
	if s.Module != "" {
		return s.Module, nil
	}
	root, err := Root()
	return filepath.Join(root, "dist", "tabard.wasm"), err
}

func (s Site) setFilter(module string, filter map[string]any) {
	vm := at[map[string]any](filter, "vm_config")
	vm["code"] = map[string]any{"local": map[string]any{"filename": module}}
	if s.VM != "" {
		vm["vm_id"] = s.VM
	}
	// The plugin's name is its identity when it is configured anew.
	filter["name"], filter["root_id"] = s.Name, s.Name
	if s.Policy != "" {
		at[map[string]any](filter, "configuration")["value"] = s.Policy
	}
}

func setUpstream(static map[string]any, hostPort string) error {
	address, err := socketOf(hostPort)
	if err == nil {
		at[map[string]any](static, "clusters", 0, "load_assignment", "endpoints", 0, "lb_endpoints", 0, "endpoint")["address"] = address
	}
	return err
}

// addClusters adds upstreams that are reached by the names of their clusters.
func addClusters(static map[string]any, clusters map[string]string) error {
	list := at[[]any](static, "clusters")
	for name, hostPort := range clusters {
		address, err := socketOf(hostPort)
		if err != nil {
			return err
		}
		endpoint := map[string]any{"endpoint": map[string]any{"address": address}}
		list = append(list, map[string]any{
			"name": name, "type": "STATIC", "connect_timeout": "5s",
			"load_assignment": map[string]any{"cluster_name": name, "endpoints": []any{map[string]any{"lb_endpoints": []any{endpoint}}}},
		})
	}
	static["clusters"] = list
	return nil
}

func socketOf(hostPort string) (map[string]any, error) {
	host, portText, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	return map[string]any{"socket_address": map[string]any{"address": host, "port_value": port}}, nil
}

// loopback is an address message for the loopback; port 0 takes a free one.
func loopback(port int) map[string]any {
	return map[string]any{"address": map[string]any{"socket_address": map[string]any{"address": "127.0.0.1", "port_value": port}}}
}

// readSample reads the configuration that users get.
func readSample() (map[string]any, error) {
	tree := map[string]any{}
	if err := yaml.Unmarshal(envoy.Config, &tree); err != nil {
		return nil, fmt.Errorf("envoy/envoy.yaml: %w", err)
	}
	return tree, nil
}

func writeJSON(path string, tree map[string]any) error {
	text, err := json.MarshalIndent(tree, "", " ")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, text, 0o600)
}
