package double

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// ServerProve is the subcommand under which a proof of the server is recorded.
const ServerProve = "server-prove"

// serverRequest is a request to the server, which refuses one with a missing field.
type serverRequest struct {
	Command     string  `json:"command"`
	Input       *string `json:"input"`
	Aggregation *bool   `json:"aggregation"`
	RMA         *bool   `json:"rma"`
	FinalSnark  *bool   `json:"final_snark"`
	Verify      *bool   `json:"verify_proofs"`
	Memory      *bool   `json:"minimal_memory"`
	Folder      *string `json:"folder"`
	Prefix      *string `json:"prefix"`
}

func (r serverRequest) complete() bool {
	return r.Input != nil && r.Aggregation != nil && r.RMA != nil && r.FinalSnark != nil && r.Verify != nil && r.Memory != nil && r.Folder != nil && r.Prefix != nil
}

// proving is the state of the server's proof. The server is busy until the proof ends, and
// forever if the proof fails.
type proving struct {
	busy   atomic.Bool
	failed bool          // valid after done
	done   chan struct{} // nil if there is no proof to wait for
}

// serve is the server of 0.14 and 0.15. A failure of the scenario happens to its proofs,
// or to its start if the phase is one of the start. The scenario is read again for each
// proof.
// Source: 0xPolygonHermez/zisk:server/src/zisk_service.rs@v0.14.0.
func (s *Scenario) serve(given map[string]string) int {
	tracing.Store(true)
	port := given["port"]
	if port == "" {
		port = "7878"
	}
	if !exists(given["elf"]) {
		fmt.Fprintf(os.Stderr, "Error: ELF file '%s' not found.\n", given["elf"])
		return 1
	}
	if asm := s.assemblyFile(given["elf"]); s.NeedSetup && !has(given, "emulator") && !exists(asm) {
		fmt.Fprintf(os.Stderr, "Error: ASM file not found at %q\n", asm)
		return 1
	}
	if s.Fail == IllegalInstr {
		return die(syscall.SIGILL)
	}
	fmt.Printf("     Command Prove Server\n      Socket TCP server listening on 127.0.0.1:%s\n", port)
	defer s.holdVRAM()()
	if base, ok := given["asm-port"]; ok {
		given["port"] = base
	} else {
		delete(given, "port")
	}
	services := s.startServices(given)
	time.Sleep(time.Duration(s.ServerMS) * time.Millisecond)
	if status, on := s.walk("Server", s.phases()[:2], services); !on {
		if status == 0 {
			status = 1
		}
		return status
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error starting server: Address already in use (os error 98)")
		return 1
	}
	waiting := func() {
		info("ZisK Server waiting for requests on port %s for ELF '%s'", port, given["elf"])
	}
	waiting()
	p := &proving{}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return 1
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil {
			conn.Close()
			continue
		}
		reply, status, over := s.answer(line, given, services, p, waiting)
		fmt.Fprint(conn, reply)
		conn.Close()
		if over {
			return status
		}
	}
}

// answer answers one request. If over is true the server ends with the status.
func (s *Scenario) answer(line string, given map[string]string, services *services, p *proving, waiting func()) (reply string, status int, over bool) {
	var r serverRequest
	err := json.Unmarshal([]byte(line), &r)
	if err != nil || !strings.Contains(" status shutdown prove ", " "+r.Command+" ") || r.Command == "prove" && !r.complete() {
		return `{"zisk_response":"zisk_invalid_request_response","base":{"cmd":"invalid_request","result":"error","code":1002,"node":0,"msg":"Invalid request format or data."}}`, 0, false
	}
	info("Received '%s' request", r.Command)
	if p.busy.Load() && r.Command != "status" {
		return `{"zisk_response":"zisk_error_response","cmd":"busy","result":"in_progress","code":1003,"node":0,"msg":"Server is busy, please try again later."}`, 0, false
	}
	if p.done != nil && !(s.StatusWhileProving && p.busy.Load()) {
		<-p.done
		if p.failed {
			return "", panicked("Failed to join thread: Any { .. }"), true
		}
		p.done = nil
	}
	switch r.Command {
	case "status":
		state := "idle"
		if p.busy.Load() {
			state = "working"
		}
		waiting()
		return fmt.Sprintf(`{"zisk_response":"zisk_status_response","cmd":"status","result":"ok","code":0,"node":0,"server_id":"%d","elf_file":"test","uptime":"1.00s","status":"%s"}`, os.Getpid(), state), 0, false
	case "shutdown":
		services.stop()
		return `{"zisk_response":"zisk_shutdown_response","cmd":"shutdown","result":"ok","code":0,"node":0}`, 0, true
	}
	p.busy.Store(true)
	p.done = make(chan struct{})
	_ = s.write(Call{PID: os.Getpid(), Args: []string{ServerProve, *r.Input, *r.Folder, *r.Prefix}, Start: time.Now()})
	go func() {
		defer close(p.done)
		p.failed = s.proveForServer(r, given, services) != 0
		if !p.failed {
			s.recordEnd(ServerProve)
			p.busy.Store(false)
			waiting()
		}
	}()
	return fmt.Sprintf(`{"zisk_response":"zisk_prove_response","cmd":"prove","result":"in_progress","code":0,"node":0,"server_id":"%d","elf_file":"test","input":%q}`, os.Getpid(), *r.Input), 0, false
}

func (s *Scenario) proveForServer(r serverRequest, given map[string]string, services *services) int {
	now, err := load()
	if err != nil {
		return failed("Prove", err.Error())
	}
	input, err := os.ReadFile(*r.Input)
	if err != nil {
		return failed("Prove", fmt.Sprintf("Input file not found at %q", *r.Input))
	}
	call := map[string]string{"elf": given["elf"], "output-dir": *r.Folder, "prefix": *r.Prefix + "-"}
	if *r.Aggregation && has(given, "aggregation") {
		call["aggregation"] = ""
	}
	return now.make(call, input, now.phases()[2:], services)
}
