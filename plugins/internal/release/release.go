// Package release names the release that the plugins of this repository belong
// to.
package release

// Version is the semantic version of every plugin of this repository.
const Version = "0.1.0"
