// Package change compares two pipelines and determines, for every difference, what makes
// it effective:
//
//	nothing    a reload applies it at once
//	plugin     a reload restarts the plugin of the stage once it is idle
//	restart    only a restart of the host applies it
//
// A running host applies the first two on a reload, and proofline upgrade-check shows all
// of them beforehand. What is compared is an Outline of each pipeline: the values of its
// keys, in which secrets are replaced by marks.
package change
