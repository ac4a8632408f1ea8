// Package zisk describes the ZisK command line tool, cargo-zisk, from 0.14 to 1.0:
//
//	command.go, server.go, emulate.go   which version takes which flags
//	progress.go, summary.go, line.go    what it prints, and which files it writes
//	signs.go, cuda.go, exit.go          how its failures look (failure.go explains them)
//	framing.go                          how a guest input is framed
//
// It runs no process. Package tool below it runs cargo-zisk, and package
// sdk/zisk/proof decodes the proofs.
//
// Source, where no comment names another:
// 0xPolygonHermez/zisk:cli/src at the tags v0.14.0, v0.15.0, v0.16.1, v0.17.0,
// v0.18.0 and the branch pre-develop-1.0.0-beta (c603fe8).
package zisk
