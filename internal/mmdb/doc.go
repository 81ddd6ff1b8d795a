// Package mmdb reads databases in MaxMind's format: they say in which country
// and network the client of one HTTP exchange is, and whether that network hides
// its users, on which the verdict may depend. In Envoy its geoip filter does this.
//
// A file is read into memory and every record of it is looked at once, so that a
// truncated or broken one is an error that names it when it is loaded, and no
// surprise for a request later. It is not mapped: a file that somebody truncates
// in place would then end the process.
package mmdb
