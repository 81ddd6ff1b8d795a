// Package schema checks whether the body or a parameter of one HTTP exchange is
// what the description of an API says, before the verdict. It compiles the part
// of JSON Schema that OpenAPI 3 descriptions use: type, enum, const, the bounds
// of numbers, texts, arrays and objects, properties, required,
// additionalProperties, items, pattern, the common formats, allOf, anyOf, oneOf,
// not and references. Anything else is an error and not silence.
//
// Patterns are RE2 (package regexp), so that none of them makes a request slow;
// what JavaScript has beyond it is an error as well. Lengths are in code points
// (JSON Schema validation, section 6.3).
package schema
