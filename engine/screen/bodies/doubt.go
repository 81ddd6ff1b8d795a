package bodies

// Doubt is the reason why the parser does not vouch for the elements of a body. The exchange is Coraza's then.
type Doubt uint8

// The reasons. Errors are among them: Coraza sees what it could parse before the error, and rules that
// report the error are Coraza's business anyway.
const (
	NoDoubt                  Doubt = iota
	BodyLimit                      // as long as the body limit or longer, so that Coraza cuts or refuses it
	ProcessorUnknown               // a body processor that is not one of Coraza's own
	ProcessorXML                   // the XML processor, which is not rebuilt here
	FormNamesFold                  // names that differ in case only, in a build that does not tell them apart
	JSONInvalid                    // not a JSON text
	JSONDepth                      // nested deeper than the limit
	JSONArguments                  // more values or arrays than the limit on arguments
	JSONBudget                     // flattened names and values outgrow the body by too much
	MultipartType                  // a Content-Type that is not plainly multipart/form-data with a boundary
	MultipartBoundary              // text before the first or after the last boundary, or around one
	MultipartHeader                // a part's header that is broken, folded, repeated or very long
	MultipartDisposition           // a Content-Disposition that is not plainly form-data, name and filename
	MultipartQuotedPrintable       // a part that is decoded on the way
	MultipartParts                 // very many files
	doubtCount
)

var doubts = [doubtCount]string{
	NoDoubt:          "none",
	BodyLimit:        "body limit",
	ProcessorUnknown: "unknown body processor",
	ProcessorXML:     "XML body", FormNamesFold: "form names differ in case",
	JSONInvalid:              "invalid JSON",
	JSONDepth:                "JSON depth",
	JSONArguments:            "JSON argument limit",
	JSONBudget:               "JSON byte budget",
	MultipartType:            "multipart content type",
	MultipartBoundary:        "multipart boundary",
	MultipartHeader:          "multipart part header",
	MultipartDisposition:     "multipart content disposition",
	MultipartQuotedPrintable: "multipart quoted-printable",
	MultipartParts:           "multipart with many files",
}

// String returns the reason in words, fit for a log line and for the label of a metric.
func (d Doubt) String() string { return doubts[d] }
