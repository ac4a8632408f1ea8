// Package top shows a running pipeline in a terminal: the first screen of the
// dashboard, and lists of stages, blocks, failures and log lines behind keys.
//
// Screen lays out a live.Overview as text and knows nothing of terminals; Program
// reads keys, asks for the Overview and draws, with bubbletea. What is not printable
// in the text of plugins never reaches the terminal.
package top
