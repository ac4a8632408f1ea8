// Package top shows a running pipeline in a terminal: the first screen of the
// dashboard, and lists of stages, blocks, failures, log lines and endpoints that keys
// open. It only reads.
//
// Screen turns a live.Overview into text and does not use a terminal. Run reads keys,
// fetches the Overview every second and draws the Screen with bubbletea. Characters of
// plugins' texts that are not printable never reach the terminal.
package top
