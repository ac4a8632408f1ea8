package sdktest_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

// fault is what one bad plugin does wrong, and nothing else.
type fault struct {
	kind    string // whose check it breaks; empty for builder
	text    string // in the error of that check
	worker  string // a fault of the good plugin's own code, by its name there; else its kind
	request func(c *call, request []byte) []byte
	// reply may change each message of an answer; nil leaves it out.
	reply  func(c *call, message []byte) []byte
	byHand func(args []string) // may end the process

	// spreads is set where the checks after this one notice the fault too.
	spreads bool

	exitCode              int // after a shutdown
	obeysInt, ignoresTerm bool
}

// good is the plugin whose calls the fault spoils.
func (f fault) good() sdk.Plugin { return plugin(cmp.Or(f.worker, f.kind, "builder")) }

// finds changes the findings of checks.
func finds(edit func(c *call, m *pluginv1.CheckResponse)) func(*call, []byte) []byte {
	return func(c *call, message []byte) []byte {
		if c.method != "Check" {
			return message
		}
		return as(message, func(m *pluginv1.CheckResponse) { edit(c, m) })
	}
}

// hides leaves out the findings whose summary has a text and whose pointer has a
// prefix.
func hides(text, pointer string) func(*call, []byte) []byte {
	return finds(func(_ *call, m *pluginv1.CheckResponse) {
		var kept []*pluginv1.Finding
		for _, f := range m.GetFindings() {
			if !strings.Contains(f.GetSummary(), text) || !strings.HasPrefix(f.GetPointer(), pointer) {
				kept = append(kept, f)
			}
		}
		m.Findings = kept
	})
}

// describes changes the answer of Describe.
func describes(edit func(c *call, m *pluginv1.DescribeResponse)) func(*call, []byte) []byte {
	return func(c *call, message []byte) []byte {
		if c.method != "Describe" {
			return message
		}
		return as(message, func(m *pluginv1.DescribeResponse) { edit(c, m) })
	}
}

// on does something before a call of a method is passed on.
func on(method string, do func(c *call, request []byte) []byte) func(*call, []byte) []byte {
	return func(c *call, request []byte) []byte {
		if c.method != method {
			return request
		}
		return do(c, request)
	}
}

// polls changes the answer of Poll.
func polls(edit func(c *call, m *pluginv1.PollResponse)) func(*call, []byte) []byte {
	return func(c *call, message []byte) []byte {
		if c.method != "Poll" {
			return message
		}
		return as(message, func(m *pluginv1.PollResponse) { edit(c, m) })
	}
}

var errBad = status.Error(codes.Aborted, "a fault of this plugin")

// result is a work call's answer without outputs.
func result() [][]byte {
	return [][]byte{
		as(nil, func(m *pluginv1.WorkEvent) { m.Event = &pluginv1.WorkEvent_Progress{Progress: &pluginv1.Progress{}} }),
		as(nil, func(m *pluginv1.WorkEvent) { m.Event = &pluginv1.WorkEvent_Result{Result: &pluginv1.Result{}} }),
	}
}

func (p *proxy) slow() bool { return bytes.Contains(p.config, []byte(`"slow":true`)) }

// faults has a bad plugin for each check, by the check's name, and further ones for
// checks with several demands, with a word behind the name.
var faults = map[string]fault{
	"describe/stable":          {text: "it was", reply: describes(func(c *call, m *pluginv1.DescribeResponse) { m.Version = fmt.Sprintf("1.0.%d", c.number-1) })},
	"describe/complete":        {text: "there is no summary", reply: describes(func(_ *call, m *pluginv1.DescribeResponse) { m.Summary = " " })},
	"describe/complete name":   {text: "is not semantic", reply: describes(func(_ *call, m *pluginv1.DescribeResponse) { m.Name, m.Version = "Builder Demo", "v1" }), spreads: true},
	"describe/complete events": {kind: "reporter", text: "names no kind of event", reply: describes(func(_ *call, m *pluginv1.DescribeResponse) { m.Events = nil })},
	"tool/describe": {text: "builder builder-demo 9.9.9 by hand", byHand: func(args []string) {
		if len(args) > 0 && args[0] == "describe" {
			fmt.Println(`{"name":"builder-demo","kind":"builder","version":"9.9.9","config_schema":{}}`)
			os.Exit(0)
		}
	}},
	"tool/help": {text: "the exit code is 0", byHand: func(args []string) {
		if len(args) == 0 {
			os.Exit(0)
		}
	}},
	"handshake/only": {text: "hello", request: on("Build", func(c *call, request []byte) []byte {
		fmt.Println("hello")
		return request
	})},

	"schema/compiles": {text: "config.json", reply: describes(func(_ *call, m *pluginv1.DescribeResponse) { m.ConfigSchema = []byte(`{"type":"nonsense"}`) })},
	"schema/documented": {text: "/key has no description", reply: describes(func(_ *call, m *pluginv1.DescribeResponse) {
		m.ConfigSchema = bytes.Replace(m.ConfigSchema, []byte(`"Must be given."`), []byte(`""`), 1)
	})},
	"schema/accepts": {text: "key", reply: describes(func(_ *call, m *pluginv1.DescribeResponse) {
		m.ConfigSchema = []byte(`{"type":"object","properties":{"key":{"const":"another","description":"A key."}},"required":["key"]}`)
	})},
	"config/accepted": {text: "of another mind", reply: finds(func(c *call, m *pluginv1.CheckResponse) {
		if c.number == 2 && len(m.GetFindings()) == 0 {
			m.Findings = []*pluginv1.Finding{{Severity: pluginv1.Severity_SEVERITY_ERROR, Summary: "of another mind"}}
		}
	})},
	"config/required": {text: "/key: no error has this pointer", reply: hides("is not set", "/")},
	"config/unknown":  {text: "/sdktest_unknown: no error has this pointer", reply: hides(`"sdktest_unknown"`, "/")},
	"config/types":    {text: "no error has this pointer", reply: hides("want ", "/")},
	"config/garbage": {text: "is accepted", request: on("Check", func(c *call, request []byte) []byte {
		as(request, func(m *pluginv1.CheckRequest) {
			if !json.Valid(m.GetConfigJson()) {
				c.answer = [][]byte{{}}
			}
		})
		return request
	})},
	"config/refused": {text: "an unknown field is accepted", request: on("Configure", func(_ *call, request []byte) []byte {
		return as(request, func(m *pluginv1.ConfigureRequest) {
			m.ConfigJson = bytes.Replace(m.ConfigJson, []byte(`,"sdktest_unknown":1`), nil, 1)
		})
	})},
	"config/once": {text: "a second configuration is accepted", request: on("Configure", func(c *call, request []byte) []byte {
		if c.number > 1 {
			c.answer = [][]byte{{}}
		}
		return request
	})},
	"config/traits": {text: "a builder makes no proof", reply: func(c *call, message []byte) []byte {
		if c.method != "Configure" {
			return message
		}
		return as(message, func(m *pluginv1.ConfigureResponse) { m.MakesProof = true })
	}},
	"config/secrets": {text: "the log shows the secret", request: on("Configure", func(_ *call, request []byte) []byte {
		as(request, func(m *pluginv1.ConfigureRequest) { fmt.Fprintf(os.Stderr, "configured with %s\n", m.GetConfigJson()) })
		return request
	})},
	"config/secrets facts": {text: "the facts shows the secret", request: on("Configure", func(c *call, request []byte) []byte {
		as(request, func(m *pluginv1.ConfigureRequest) { c.config = string(m.GetConfigJson()) })
		return request
	}), reply: func(c *call, message []byte) []byte {
		if c.method != "Configure" {
			return message
		}
		return as(message, func(m *pluginv1.ConfigureResponse) { m.Provides = map[string]string{"with": c.config} })
	}},

	"health/before": {text: "it is ready", reply: func(c *call, message []byte) []byte {
		if c.method != "Health" || c.configured {
			return message
		}
		return as(message, func(m *pluginv1.HealthResponse) { m.State = pluginv1.HealthState_HEALTH_STATE_READY })
	}},
	"health/after": {text: "no answer within 5s", request: on("Health", func(c *call, request []byte) []byte {
		if c.configured && c.calls["Build"] == 0 {
			<-c.ctx.Done()
		}
		return request
	})},
	"health/after endpoints": {text: "two endpoints are called", reply: func(c *call, message []byte) []byte {
		if c.method != "Health" || !c.configured {
			return message
		}
		return as(message, func(m *pluginv1.HealthResponse) {
			m.Endpoints = []*pluginv1.Endpoint{{Name: "http://a", Calls: 1}, {Name: "http://a"}}
		})
	}},
	"call/unconfigured": {text: "it works", request: on("Build", func(c *call, request []byte) []byte {
		if !c.configured {
			c.answer = result()
		}
		return request
	})},
	"call/too-large": {text: "no longer answers", request: on("Check", func(_ *call, request []byte) []byte {
		if len(request) > 8<<20 {
			os.Exit(3)
		}
		return request
	})},

	"poll/limits": {kind: "source", text: "answers block", reply: polls(func(c *call, m *pluginv1.PollResponse) {
		if len(m.GetBlocks()) == 0 && c.number == 2 && c.polling == 1 && c.calls["Drain"] == 0 {
			m.Blocks = []*pluginv1.Block{wire.BlockToProto(&contract.Block{ChainID: 1, Number: 7, Hash: contract.Hash{7}})}
		}
	})},
	"poll/repeatable": {kind: "source", text: "then block", reply: polls(func(c *call, m *pluginv1.PollResponse) {
		if c.number == 3 {
			m.Blocks[0].Number++
		}
	})},
	"poll/continues": {kind: "source", text: "is missing", request: on("Poll", func(c *call, request []byte) []byte {
		return as(request, func(m *pluginv1.PollRequest) {
			if n := len(m.GetCursor()); c.number == 1 && n > 0 { // in a new process
				m.Cursor[n-1] += 2
			}
		})
	})},
	"poll/drained": {kind: "source", text: "the poll still waits", request: on("Drain", func(c *call, request []byte) []byte {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.polling > 0 {
			c.answer = [][]byte{{}}
		}
		return request
	})},
	"resolve/known": {kind: "source", text: "has the hash", reply: func(c *call, message []byte) []byte {
		if c.method != "Resolve" {
			return message
		}
		return as(message, func(m *pluginv1.ResolveResponse) {
			if b := m.Resolutions[0].Block; b != nil {
				b.Hash[5] ^= 1
			}
		})
	}},
	"resolve/unknown": {kind: "source", text: "there is no reason", reply: func(c *call, message []byte) []byte {
		if c.method != "Resolve" {
			return message
		}
		return as(message, func(m *pluginv1.ResolveResponse) { m.Resolutions[0].Reason = "" })
	}},
	"fetch/names": {kind: "source", text: "witness.json is not among the outputs", reply: func(c *call, message []byte) []byte {
		if c.method != "Fetch" {
			return message
		}
		return as(message, func(m *pluginv1.WorkEvent) {
			if r := m.GetResult(); r != nil {
				r.Outputs = r.Outputs[:1]
			}
		})
	}},

	"work/succeeds": {text: "files outside", worker: "litter"},
	"work/succeeds hash": {text: "another SHA-256", spreads: true, reply: func(c *call, message []byte) []byte {
		if c.method != "Build" {
			return message
		}
		return as(message, func(m *pluginv1.WorkEvent) {
			if r := m.GetResult(); r != nil {
				r.Outputs[0].Sha256 = make([]byte, 32)
				r.Outputs[0].Sha256[0] = 1
			}
		})
	}},
	// The second process that does the same work fails.
	"work/again": {text: "a fault of this plugin", request: func(c *call, request []byte) []byte {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.method != "Build" || c.slow() {
			return request
		}
		note := filepath.Join(c.stateDir, "works") // of the last process that did not fail
		before, _ := os.ReadFile(note)
		now := fmt.Append(nil, c.number)
		switch {
		case c.number == 1 && string(before) == "2":
			c.err, now = errBad, []byte("failed")
		case c.number > 1 && string(before) == "failed":
			now = before
		}
		if err := os.WriteFile(note, now, 0o600); err != nil {
			panic(err)
		}
		return request
	}},
	"work/parallel": {text: "a fault of this plugin", request: on("Build", func(c *call, request []byte) []byte {
		for end := time.Now().Add(time.Second); time.Now().Before(end) && c.err == nil && !c.slow(); time.Sleep(time.Millisecond) {
			c.mu.Lock()
			if c.running > 1 {
				c.err = errBad
			}
			c.mu.Unlock()
		}
		if c.err != nil {
			time.Sleep(100 * time.Millisecond) // the others see this one, too
		}
		return request
	})},
	"work/no-input": {text: "it ends", request: on("Build", func(_ *call, request []byte) []byte {
		as(request, func(m *pluginv1.BuildRequest) {
			if len(m.GetTask().GetInputs()) == 0 && len(m.GetTask().GetDir()) > 0 {
				os.Exit(3)
			}
		})
		return request
	})},
	"work/changed-input": {text: "the work succeeds", worker: "trust"},

	"verify/accepts": {kind: "prover", text: "a fault of this plugin", request: on("Verify", func(c *call, request []byte) []byte {
		as(request, func(m *pluginv1.VerifyRequest) {
			if !spoiled(m.GetTask()) {
				c.err = errBad
			}
		})
		return request
	})},
	"verify/rejects": {kind: "prover", text: "it is accepted", request: on("Verify", func(c *call, request []byte) []byte {
		as(request, func(m *pluginv1.VerifyRequest) {
			if spoiled(m.GetTask()) {
				c.answer = result()
			}
		})
		return request
	})},
	"verify/events": {kind: "prover", text: "no event came", reply: func(c *call, message []byte) []byte {
		drop := false
		if c.method == "Verify" {
			as(message, func(m *pluginv1.WorkEvent) { drop = m.GetProgress() != nil })
		}
		if drop {
			return nil
		}
		return message
	}},
	"resume/token": {kind: "prover", text: "sent none", reply: func(c *call, message []byte) []byte {
		drop := false
		if c.method == "Prove" {
			as(message, func(m *pluginv1.WorkEvent) { drop = m.GetResume() != nil })
		}
		if drop {
			return nil
		}
		return message
	}},
	"resume/unknown": {kind: "prover", text: "a fault of this plugin", request: on("Prove", func(c *call, request []byte) []byte {
		as(request, func(m *pluginv1.ProveRequest) {
			if bytes.HasPrefix(m.GetTask().GetResumeToken(), []byte("sdktest")) {
				c.err = errBad
			}
		})
		return request
	})},
	"resume/dropped": {kind: "prover", text: "no event of the verification", reply: func(c *call, message []byte) []byte {
		drop := false
		if c.method == "Verify" {
			as(message, func(m *pluginv1.WorkEvent) { drop = m.GetResume() != nil })
		}
		if drop {
			return nil
		}
		return message
	}},
	"report/repeated": {kind: "reporter", text: "try 2", request: on("Report", func(c *call, request []byte) []byte {
		as(request, func(m *pluginv1.ReportRequest) {
			if m.GetEvent().GetTry() > 1 {
				c.err = errBad
			}
		})
		return request
	})},
	"report/unknown-kind": {kind: "reporter", text: "a fault of this plugin", request: on("Report", func(c *call, request []byte) []byte {
		as(request, func(m *pluginv1.ReportRequest) {
			if strings.HasPrefix(m.GetEvent().GetKind(), "sdktest") {
				c.err = errBad
			}
		})
		return request
	})},
	"report/no-block": {kind: "reporter", text: "a fault of this plugin", request: on("Report", func(c *call, request []byte) []byte {
		as(request, func(m *pluginv1.ReportRequest) {
			if m.GetEvent().GetBlock() == nil {
				c.err = errBad
			}
		})
		return request
	})},

	// The handler that was cancelled goes on.
	"cancel/returns": {text: "still runs", request: on("Build", func(c *call, request []byte) []byte {
		c.ctx = context.WithoutCancel(c.ctx)
		return request
	})},
	"cancel/descendants": {text: "these processes live", request: on("Build", func(c *call, request []byte) []byte {
		if c.slow() {
			cmd := exec.Command(os.Args[0])
			cmd.Env, cmd.SysProcAttr = append(os.Environ(), pluginName+"=sleep"), &syscall.SysProcAttr{Setsid: true}
			if err := cmd.Start(); err != nil {
				panic(err)
			}
		}
		return request
	})},
	"cancel/usable": {text: "the next work does not begin", request: on("Build", func(c *call, request []byte) []byte {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.cancelled > 0 {
			c.err = errBad
		}
		return request
	})},
	"kill/no-halves": {text: "is not what it should be", worker: "half"},
	"signal/int":     {text: "after SIGINT", obeysInt: true},
	"signal/term":    {text: "it still runs", ignoresTerm: true},
	"drain/refuses": {text: "it works", request: on("Drain", func(c *call, request []byte) []byte {
		c.answer = [][]byte{{}}
		return request
	})},
	"shutdown/ends": {text: "exit code 3", exitCode: 3},
}

// spoiled reports whether the proof among the inputs is the suite's changed one,
// which lies in in/.
func spoiled(t *pluginv1.Task) bool {
	for _, a := range t.GetInputs() {
		if a.GetRole() == contract.RoleProof {
			return strings.HasPrefix(a.GetPath(), "in/")
		}
	}
	panic(errors.New("there is no proof to verify"))
}
