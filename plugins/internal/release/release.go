// Package release holds the version of the plugins of this repository.
package release

// Version is the semantic version of every plugin of this repository.
const Version = "0.1.0"
