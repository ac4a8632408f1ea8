// Package zisk holds what is known of the ZisK command line tool, cargo-zisk,
// from 0.14 to 1.0: which version takes which flags, what it prints, which files
// it writes, how its failures look, and how a guest input is framed.
//
// It runs nothing. Package proof below it reads the proofs.
//
// Source of the facts, unless a comment says otherwise:
// 0xPolygonHermez/zisk:cli/src at the tags v0.14.0, v0.15.0, v0.16.1, v0.17.0,
// v0.18.0 and the branch pre-develop-1.0.0-beta (c603fe8).
package zisk
