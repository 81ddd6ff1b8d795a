package multipart_test

import (
	"fmt"

	"tabard/engine/multipart"
)

// printer shows what a parser finds.
type printer struct{}

func (printer) Begin(p multipart.Part) { fmt.Printf("%s %q\n", p.Name, p.Filename) }
func (printer) Data(b []byte)          { fmt.Printf("  %d bytes\n", len(b)) }
func (printer) End()                   {}

func Example() {
	p := multipart.New("multipart/form-data; boundary=x", 100, printer{})
	fmt.Fprint(p, "--x\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.png\"\r\n\r\n\x89PNG\r\n--x--\r\n")
	fmt.Println(p.Close())
	// Output:
	// photo "a.png"
	//   4 bytes
	// nothing
}
