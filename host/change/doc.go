// Package change compares two pipelines and says of every difference what it takes:
// nothing, the restart of one plugin, or that of the host. A running host applies the
// first two when it is told to read its file again; proofline upgrade-check shows all of
// them beforehand.
package change
