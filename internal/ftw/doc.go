// Package ftw reads the tests that rule authors write, in the YAML format of
// the OWASP Core Rule Set (FTW), and judges whether the verdict on one HTTP
// exchange is the one that a test expects.
//
// Both versions in use are read: v2.3, where a test has stages, each with the
// whole request, and v3.0, where a file has one template and a test only the
// payload. The latter is expanded to the former, so that a runner sees nothing
// but stages. Every error names file, line and column, and unknown keys are
// errors, because a misspelt no_expect_ids would pass for ever.
package ftw
