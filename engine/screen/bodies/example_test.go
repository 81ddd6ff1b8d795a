package bodies_test

import (
	"fmt"

	"tabard/engine/screen/bodies"
	"tabard/engine/screen/transform"
)

func ExampleParser() {
	var arena transform.Arena
	parser := bodies.New(bodies.Limits{
		Arguments: 1000, RequestBodyBytes: 131072, ResponseBodyBytes: 524288, RequestJSONDepth: 512, ResponseJSONDepth: 512,
	}, &arena)

	parser.Reset()
	parser.Connection("192.0.2.7", 4711, "198.51.100.1", 443)
	parser.URI("/search?q=caf%C3%A9", "POST", "HTTP/2")
	parser.RequestHeader("content-type", "application/json")
	phase1 := len(parser.Elements()) // rules of phase 1 see these

	parser.RequestProcessor("JSON") // one of them said ctl:requestBodyProcessor=JSON
	if doubt := parser.RequestBody(`{"user":{"name":"Ann","tags":["a"]}}`, false); doubt != bodies.NoDoubt {
		fmt.Println("leave it to Coraza:", doubt)
		return
	}
	fmt.Println(bodies.RequestFilename, parser.Value(bodies.RequestFilename))
	fmt.Println(bodies.ArgsCombinedSize, parser.Value(bodies.ArgsCombinedSize))
	for _, e := range parser.Elements()[phase1:] {
		fmt.Printf("%s:%s=%s\n", e.Kind, e.Key, e.Value)
	}
	// Output:
	// REQUEST_FILENAME /search
	// ARGS_COMBINED_SIZE 55
	// ARGS_POST:json.user.name=Ann
	// ARGS_POST_NAMES:json.user.name=json.user.name
	// ARGS_POST:json.user.tags.0=a
	// ARGS_POST_NAMES:json.user.tags.0=json.user.tags.0
	// ARGS_POST:json.user.tags=1
	// ARGS_POST_NAMES:json.user.tags=json.user.tags
	// TX:json_request_body={"user":{"name":"Ann","tags":["a"]}}
}
