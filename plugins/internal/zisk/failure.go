package zisk

import (
	"fmt"
	"regexp"
	"strings"
)

// Kind is the class of a failed run.
type Kind string

// The kinds of failure.
const (
	// Usage means that the tool refused the command line. Another version is installed
	// than was detected, or an extra argument is wrong.
	Usage Kind = "usage"
	// Configuration means that the machine or the installation lacks something. Every
	// block fails in the same way until somebody changes that.
	Configuration Kind = "configuration"
	// Machine means that a device, the memory or a file system failed. Other blocks
	// would usually fail in the same way now. The fault may end by itself.
	Machine Kind = "machine"
	// Guest means that the program itself failed on this input. Another attempt ends in
	// the same way.
	Guest Kind = "guest"
	// Transient means that the tool failed for a reason that lies neither in the
	// machine nor in the block. Another attempt may succeed.
	Transient Kind = "transient"
	// Invalid means that the tool made a proof that does not verify.
	Invalid Kind = "invalid"
)

// Code names one cause of failure. Programs compare codes. The texts of a Failure are
// for people.
type Code string

// The codes.
const (
	CodeUnverified    Code = "unverified"     // the proof does not verify
	CodeCommandLine   Code = "command-line"   // the arguments were refused
	CodeStart         Code = "start"          // the tool cannot be started
	CodeLibrary       Code = "library"        // a shared library is missing
	CodeCPU           Code = "cpu"            // the CPU lacks instructions
	CodeGPUBuild      Code = "gpu-build"      // built for another GPU, or without GPU
	CodeGPU           Code = "gpu"            // no usable GPU, or its driver
	CodeGPUMemory     Code = "gpu-memory"     // the GPU's memory is too small or taken
	CodeCUDA          Code = "cuda"           // any other failed CUDA call
	CodeNoExecute     Code = "no-execute"     // the build does not execute
	CodeAssembly      Code = "assembly-files" // the program was not set up
	CodeConstantTrees Code = "constant-trees" // the proving key was not set up
	CodeProvingKey    Code = "proving-key"    // the proving key is missing or incomplete
	CodeMissingFile   Code = "missing-file"   // another file is missing
	CodeMemlock       Code = "memlock"        // memory cannot be locked
	CodeSpace         Code = "space"          // a file system is full
	CodeSharedMemory  Code = "shared-memory"  // shared memory cannot be had
	CodeOpenFiles     Code = "open-files"     // too many open files
	CodeProcesses     Code = "processes"      // no thread or process can be started
	CodePort          Code = "port"           // a port is taken
	CodeInput         Code = "input"          // the input cannot be read
	CodeMemory        Code = "memory"         // the machine's memory ran out
	CodeGuest         Code = "guest"          // the guest program failed
	CodeGuestCrash    Code = "guest-crash"    // a service crashed as it does when the guest panics
	CodePublics       Code = "public-values"  // the guest commits to another block
	CodeHung          Code = "hung"           // no progress within a limit of the stage
	CodeKilled        Code = "killed"         // ended by SIGKILL
	CodeStopped       Code = "stopped"        // ended by another signal from outside
	CodeCrash         Code = "crash"          // ended by a signal that it caused itself
	CodeService       Code = "service"        // an assembly service failed
	CodePanic         Code = "panic"          // the tool panicked
	CodeOther         Code = "other"          // the cause is unknown
)

// Failure describes a failed run and its cause.
type Failure struct {
	Kind    Kind
	Code    Code
	Summary string // what happened, in lower case
	Line    string // the line of output that shows the failure; may be empty
	Remedy  string // what the operator can do; may be empty
}

func (f *Failure) Error() string {
	if f.Line == "" {
		return f.Summary
	}
	return fmt.Sprintf("%s: %s", f.Summary, f.Line)
}

// maxLine is the largest size of a Failure's Line in bytes.
const maxLine = 400

// Diagnosis reads the output of a run and finds the cause of a failure. It is not safe
// for concurrent use.
type Diagnosis struct {
	rank        int   // 1 + index of the best sign so far; 0 for none
	sign        *sign // the best sign; nil for none
	line        string
	messageNext bool // the next line holds the message of a panic

	inCauses bool   // the last line belongs to a list of causes
	cause    string // the innermost cause of the last list
}

// causeLine matches a line of the list that anyhow prints below "Caused by:". A single
// cause is indented by four spaces, each of several causes has a number.
var causeLine = regexp.MustCompile(`^ {4,5}(?:(\d+): )?(\S.*)$`)

// Line reads one line of standard output or standard error.
func (d *Diagnosis) Line(line string) {
	text := d.unwrap(line)
	if text == "" {
		return
	}
	// Rust prints the message of a panic on the next line of standard error. A line of
	// the logger, on standard output, can come between.
	if d.messageNext && !isLogged(line) {
		d.messageNext = false
		d.line += " " + text
	}
	limit := len(signs)
	if d.rank > 0 {
		limit = d.rank - 1
	}
	for i := range signs[:limit] {
		if s := &signs[i]; s.pattern.MatchString(text) {
			d.rank, d.sign, d.line = i+1, s.refine(text), text
			d.messageNext = panicHead.MatchString(text)
			return
		}
	}
}

// panicHead matches the first line of a panic of the tool or of the guest program.
var panicHead = regexp.MustCompile(`^(?:thread '.*' (?:\(\d+\) )?)?panicked at `)

// unwrap returns the text of a line, and keeps the innermost of an error's causes.
func (d *Diagnosis) unwrap(line string) string {
	text := Text(line)
	switch m := causeLine.FindStringSubmatch(strings.TrimRight(line, "\r\n")); {
	case text == "Caused by:":
		d.inCauses, d.cause = true, ""
		return ""
	case d.inCauses && m != nil:
		if m[1] != "" || d.cause == "" { // a further line of a cause is not a cause
			d.cause = m[2]
		}
		return m[2]
	case text != "":
		d.inCauses = false
	}
	return text
}

// Explain returns the cause of a failed run, nil where the run succeeded. A proof that
// does not verify and a guest that failed count as failures even with exit status 0.
func (d *Diagnosis) Explain(exit Exit) *Failure {
	if exit.Success() {
		if d.sign != nil && (d.sign.kind == Invalid || d.sign.despiteSuccess) {
			return d.failure(*d.sign, exit)
		}
		return nil
	}
	byExit, certain := signOf(exit)
	switch {
	case d.sign == nil:
		return d.failure(byExit, exit)
	case certain && d.sign.kind == Transient:
		// The exit explains more than a general line of output.
		return d.failure(byExit, exit)
	}
	return d.failure(*d.sign, exit)
}

// Current returns the failure that the lines so far show, nil where they show none. It
// is for a process that has not ended.
func (d *Diagnosis) Current() *Failure {
	if d.sign == nil {
		return nil
	}
	return d.failure(*d.sign, Exit{})
}

func (d *Diagnosis) failure(s sign, exit Exit) *Failure {
	line := d.line
	if s.wrapper && d.cause != "" || line == "" {
		line = d.cause
	}
	if len(line) > maxLine {
		line = strings.ToValidUTF8(line[:maxLine], "") + "…"
	}
	summary := s.summary
	if !exit.Success() {
		summary += " (" + exit.String() + ")"
	}
	return &Failure{Kind: s.kind, Code: s.code, Summary: summary, Line: line, Remedy: s.remedy}
}
