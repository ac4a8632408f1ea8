package double

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// serviceCommand is the subcommand with which the double is an assembly service.
const serviceCommand = "assembly-service"

// services are the three assembly services of a run.
type services struct {
	s     *Scenario
	port  int // first port; 0 if they use their standard streams
	cmds  []*exec.Cmd
	pipes []io.Closer
}

// startServices starts the services as the version does: up to 0.16 on ports and with the
// prover's standard error, later with pipes.
func (s *Scenario) startServices(given map[string]string) *services {
	sv := &services{s: s}
	if _, asm := given["asm"]; !s.Services || has(given, "emulator") || s.minor >= 100 && !asm {
		return sv
	}
	if s.minor <= 16 {
		sv.port = 23115
		if p, err := strconv.Atoi(given["port"]); err == nil {
			sv.port = p
		}
		for i := range 3 {
			if shutdown(sv.port + i) {
				info("Service %s is already running on 127.0.0.1:%d. Shutting it down.", serviceNames[i], sv.port+i)
			}
		}
	}
	program, err := os.Executable()
	if err != nil {
		return sv
	}
	for i, name := range serviceNames {
		number := os.Getpid()
		if sv.port > 0 {
			number = sv.port + i
		}
		cmd := exec.Command(program, serviceCommand, name, strconv.Itoa(number), strconv.FormatBool(sv.port > 0))
		switch {
		case sv.port > 0:
			cmd.Stderr = os.Stderr
		default:
			if in, err := cmd.StdinPipe(); err == nil {
				sv.pipes = append(sv.pipes, in)
			}
			if s.minor >= 18 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			}
		}
		if err := cmd.Start(); err == nil {
			sv.cmds = append(sv.cmds, cmd)
		}
	}
	for i := range serviceNames {
		for range 500 {
			if sv.port == 0 {
				if entries, _ := filepath.Glob(fmt.Sprintf("/dev/shm/ZISK_%d_0_%s_*", os.Getpid(), serviceNames[i])); len(entries) > 0 {
					break
				}
			} else if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", sv.port+i)); err == nil {
				conn.Close()
				break
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	return sv
}

var serviceNames = []string{"MO", "MT", "RH"}

// stop ends the services as a prover does at its regular end. Up to 0.17 their shared
// memory is left behind.
func (sv *services) stop() {
	for _, p := range sv.pipes {
		p.Close()
	}
	for i, cmd := range sv.cmds {
		if sv.port > 0 {
			shutdown(sv.port + i)
		}
		_ = cmd.Wait()
	}
	if sv.s.minor >= 18 && len(sv.cmds) > 0 {
		for _, pattern := range []string{"/dev/shm/ZISK_%d_*", "/dev/shm/sem.ZISK_%d_*"} {
			entries, _ := filepath.Glob(fmt.Sprintf(pattern, os.Getpid()))
			for _, e := range entries {
				os.Remove(e)
			}
		}
	}
}

// kill kills the services, as a crash of the guest does.
func (sv *services) kill() {
	for _, cmd := range sv.cmds {
		_ = cmd.Process.Kill()
	}
}

// shutdown sends the frame that ends a service, and reports whether a service listened.
func shutdown(port int) bool {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	frame := make([]byte, 40)
	binary.LittleEndian.PutUint64(frame, 1_000_000)
	_, _ = conn.Write(frame)
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	_, _ = io.ReadFull(conn, frame)
	return true
}

// service is the main function of a service process. Its arguments are its name, the
// number in the name of its shared memory, and whether it listens on that number as a port.
func service(args []string) int {
	name, number, listens := args[0], args[1], args[2] == "true"
	var listener net.Listener
	if listens {
		var err error
		if listener, err = net.Listen("tcp", "0.0.0.0:"+number); err != nil {
			fmt.Fprintln(os.Stderr, "service:", err)
			return 1
		}
	}
	for _, entry := range []string{
		fmt.Sprintf("/dev/shm/ZISK_%s_0_%s_input", number, name),
		fmt.Sprintf("/dev/shm/ZISK_%s_0_%s_output", number, name),
		fmt.Sprintf("/dev/shm/sem.ZISK_%s_0_%s_chunk_done", number, name),
	} {
		_ = os.WriteFile(entry, []byte("test"), 0o600)
	}
	if !listens { // 0.17 and later end with their standard input
		_, _ = io.Copy(io.Discard, os.Stdin)
		return 0
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return 1
		}
		frame := make([]byte, 40)
		if _, err := io.ReadFull(conn, frame); err == nil {
			_, _ = conn.Write(frame)
		}
		conn.Close()
		if binary.LittleEndian.Uint64(frame) == 1_000_000 {
			return 0
		}
	}
}

// holdVRAM records in a file that this process holds GPU memory. The memory counts as held
// for some time after the end of the process, as with the real driver.
func (s *Scenario) holdVRAM() func() {
	dir := filepath.Join(s.dir, vramDir)
	if len(s.GPUs) == 0 || os.MkdirAll(dir, 0o700) != nil {
		return func() {}
	}
	_ = os.WriteFile(filepath.Join(dir, strconv.Itoa(os.Getpid())), nil, 0o600)
	return func() {}
}

// nvidiaSMI answers the two queries that a supervisor makes.
func (s *Scenario) nvidiaSMI(args []string) int {
	if len(s.GPUs) == 0 {
		fmt.Println("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")
		return 9
	}
	switch {
	case len(args) > 0 && strings.HasPrefix(args[0], "--query-gpu="):
		fmt.Println(strings.Join(s.GPUs, "\n"))
	case len(args) > 0 && strings.HasPrefix(args[0], "--query-compute-apps="):
		entries, _ := os.ReadDir(filepath.Join(s.dir, vramDir))
		for _, e := range entries {
			record := filepath.Join(s.dir, vramDir, e.Name())
			if pid, err := strconv.Atoi(e.Name()); err == nil && s.holds(record, pid) {
				fmt.Println(e.Name())
			}
		}
	default:
		return 2
	}
	return 0
}

// holds reports whether the process of a record holds GPU memory. The time until the
// driver frees the memory begins with the first call after the end of the process.
func (s *Scenario) holds(record string, pid int) bool {
	if syscall.Kill(pid, 0) == nil {
		return true
	}
	ended := record + ".ended"
	info, err := os.Stat(ended)
	if err != nil {
		_ = os.WriteFile(ended, nil, 0o600)
		return s.VRAMLingerMS > 0
	}
	return time.Since(info.ModTime()) < time.Duration(s.VRAMLingerMS)*time.Millisecond
}
