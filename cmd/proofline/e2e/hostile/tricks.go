package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

type stream = grpc.ServerStreamingServer[pluginv1.WorkEvent]

// trick is one way to misbehave at a task.
type trick func(h *hostile, task contract.Task, out stream) error

var tricks = map[string]trick{
	// Much output, with a correct result.
	"garbage": func(h *hostile, task contract.Task, out stream) error {
		noise := make([]byte, 1<<20)
		_, _ = rand.Read(noise)
		for _, f := range []*os.File{h.stdout, h.stderr} {
			_, _ = f.Write(noise)
			_, _ = f.WriteString("\n\x00\xff\n{\"@message\":5,\"@level\":{},\"@timestamp\":[]}\n{\"@message\":\n" + strings.Repeat("{", 100_000) + "\n")
			_, _ = f.WriteString("1|1|unix|/etc/passwd|grpc|\n") // another handshake
		}
		return behave(h, task, out)
	},
	"flood": func(h *hostile, task contract.Task, out stream) error { // 100 MB
		text := bytes.Repeat([]byte(`{"@level":"debug","@message":"`+strings.Repeat("flood ", 15)+"\"}\n"+strings.Repeat("x", 80)+"\n"), 500)
		for sent := 0; sent < 100_000_000; sent += len(text) {
			if _, err := h.stderr.Write(text); err != nil {
				return err
			}
			if err := beat(out); err != nil {
				return err
			}
		}
		return behave(h, task, out)
	},
	"progress flood": func(h *hostile, task contract.Task, out stream) error {
		for i := range 100_000 {
			p := contract.Progress{Phase: fmt.Sprint("PHASE ", i), Fraction: 0.5, Note: strings.Repeat("n", 100)}
			if err := out.Send(wire.WorkEventToProto(contract.WorkEvent{Progress: &p})); err != nil {
				return err
			}
		}
		return behave(h, task, out)
	},
	"daemon": func(h *hostile, task contract.Task, out stream) error {
		fork := exec.Command(os.Args[0], "fork")
		fork.Stderr = h.stderr
		if err := fork.Run(); err != nil {
			return err
		}
		return behave(h, task, out)
	},
	"litter": func(h *hostile, task contract.Task, out stream) error { // 64 MB that nobody asked for
		for i, dir := range []string{"tmp", "out", ".", "tmp/a/b/c"} {
			if err := os.MkdirAll(filepath.Join(task.Dir, dir), 0o700); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(task.Dir, dir, fmt.Sprint("litter", i)), make([]byte, 16<<20), 0o000); err != nil {
				return err
			}
			if err := beat(out); err != nil {
				return err
			}
		}
		return behave(h, task, out)
	},

	"refuse": func(_ *hostile, task contract.Task, _ stream) error {
		return wire.StatusError(contract.Permanent(fmt.Errorf("block %d is not what it says", task.Block.Number)))
	},

	// Secrets in every text of the protocol.
	"tell": func(h *hostile, task contract.Task, out stream) error {
		h.cry()
		p := contract.Progress{Phase: "TELLING " + h.config.Password, Fraction: 0.5, Note: h.gossip()}
		a, err := write(task)
		if err == nil {
			err = out.Send(wire.WorkEventToProto(contract.WorkEvent{Progress: &p}))
		}
		if err != nil {
			return err
		}
		return result(out, contract.Result{Outputs: []contract.Artifact{a}, Facts: map[string]string{"said": h.gossip(), "key": h.config.Password}})
	},
	"tell and fail": func(h *hostile, _ contract.Task, _ stream) error {
		return wire.StatusError(contract.Permanent(errors.New("no luck with " + h.gossip())))
	},
	"tell and pause": func(h *hostile, _ contract.Task, _ stream) error {
		return wire.StatusError(contract.Environment(errors.New("not now: "+h.gossip()), "try "+h.gossip()))
	},
	"tell and panic": func(h *hostile, _ contract.Task, _ stream) error {
		h.cry()
		os.Stderr = h.stderr
		panic(h.gossip())
	},

	// Ends of the process, and silence.
	"exit": func(h *hostile, _ contract.Task, _ stream) error {
		fmt.Fprintln(h.stderr, "fatal: out of cheese")
		os.Exit(3)
		return nil
	},
	"panic": func(h *hostile, _ contract.Task, _ stream) error {
		os.Stderr = h.stderr
		panic("on demand")
	},
	"kill": func(*hostile, contract.Task, stream) error {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	},
	"freeze": func(*hostile, contract.Task, stream) error {
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		select {}
	},
	"silent": func(*hostile, contract.Task, stream) error { select {} }, // its health stays good
	"stubborn": func(_ *hostile, _ contract.Task, out stream) error { // shows signs of life and does not hear
		for {
			_ = beat(out)
			time.Sleep(100 * time.Millisecond)
		}
	},

	// False statements about files.
	"wrong hash": lie(func(_ contract.Task, a *contract.Artifact) { a.SHA256[0]++ }),
	"wrong size": lie(func(_ contract.Task, a *contract.Artifact) { a.Size++ }),
	"no file":    lie(func(_ contract.Task, a *contract.Artifact) { a.Name, a.Path = "absent.json", "out/absent.json" }),
	"other name": lie(func(_ contract.Task, a *contract.Artifact) { a.Name = "proof.bin" }),
	"link": lie(func(task contract.Task, a *contract.Artifact) {
		passwd, _ := os.ReadFile("/etc/passwd")
		a.Name, a.Path, a.Size, a.SHA256 = "link", "out/link", int64(len(passwd)), sha256.Sum256(passwd)
		_ = os.Symlink("/etc/passwd", filepath.Join(task.Dir, a.Path))
	}),
	"linked folder": lie(func(task contract.Task, a *contract.Artifact) {
		passwd, _ := os.ReadFile("/etc/passwd")
		_ = os.RemoveAll(filepath.Join(task.Dir, "out"))
		_ = os.Symlink("/etc", filepath.Join(task.Dir, "out"))
		a.Name, a.Path, a.Size, a.SHA256 = "passwd", "out/passwd", int64(len(passwd)), sha256.Sum256(passwd)
	}),
	"way out": lie(func(_ contract.Task, a *contract.Artifact) { a.Name, a.Path = "passwd", "../../../../../../etc/passwd" }),
	"spoilt input": func(h *hostile, task contract.Task, out stream) error { // then the next stage is misled
		for _, input := range task.Inputs {
			path := filepath.Join(task.Dir, filepath.FromSlash(input.Path))
			_ = os.Chmod(path, 0o600)
			if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
				_, _ = f.WriteAt([]byte("spoilt"), 0)
				_ = f.Close()
			}
		}
		return behave(h, task, out)
	},

	// Violations of the protocol.
	"large message": func(_ *hostile, _ contract.Task, out stream) error {
		return result(out, contract.Result{Facts: map[string]string{"large": strings.Repeat("x", 20<<20)}})
	},
	"two results": func(_ *hostile, _ contract.Task, out stream) error {
		return errors.Join(result(out, contract.Result{}), result(out, contract.Result{}))
	},
	"no result": func(*hostile, contract.Task, stream) error { return nil },
	"large token": func(h *hostile, task contract.Task, out stream) error {
		if err := out.Send(wire.WorkEventToProto(contract.WorkEvent{Resume: make([]byte, 1<<20)})); err != nil {
			return err
		}
		return behave(h, task, out)
	},
}

// gossip returns every secret that the plugin knows, in every form.
func (h *hostile) gossip() string {
	var forms []string
	for _, secret := range []string{h.config.Password, os.Getenv("HOSTILE_TOKEN")} {
		forms = append(forms, secret, url.QueryEscape(secret), url.PathEscape(secret), strconv.Quote(secret), base64.StdEncoding.EncodeToString([]byte(secret)),
			base64.RawURLEncoding.EncodeToString([]byte(secret)))
	}
	return strings.Join(forms, " or ")
}

// cry writes the secrets to the log, as plain lines and as entries whose JSON escapes a
// letter.
func (h *hostile) cry() {
	escaped := fmt.Sprintf("\\u%04x%s", h.config.Password[0], h.config.Password[1:])
	for _, f := range []*os.File{h.stdout, h.stderr} {
		fmt.Fprintf(f, "%s\n{\"@level\":\"error\",\"@message\":\"entry %s\",\"why\":%q,\"deep\":{\"er\":\"%s\"}}\n", h.gossip(), escaped, h.gossip(), escaped)
	}
}

// behave does the work of a correct gate.
func behave(_ *hostile, task contract.Task, out stream) error {
	a, err := write(task)
	if err != nil {
		return err
	}
	return result(out, contract.Result{Outputs: []contract.Artifact{a}})
}

// lie writes a correct file and returns something else about it.
func lie(about func(contract.Task, *contract.Artifact)) trick {
	return func(_ *hostile, task contract.Task, out stream) error {
		a, err := write(task)
		if err != nil {
			return err
		}
		about(task, &a)
		return result(out, contract.Result{Outputs: []contract.Artifact{a}})
	}
}

func write(task contract.Task) (contract.Artifact, error) {
	text := fmt.Appendf(nil, `{"block":%d}`, task.Block.Number)
	a := contract.Artifact{Name: "hostile.json", Path: "out/hostile.json", Size: int64(len(text)), SHA256: sha256.Sum256(text)}
	return a, os.WriteFile(filepath.Join(task.Dir, a.Path), text, 0o600)
}

// beat sends a heartbeat.
func beat(out stream) error { return out.Send(wire.WorkEventToProto(contract.WorkEvent{})) }

func result(out stream, r contract.Result) error {
	return out.Send(wire.WorkEventToProto(contract.WorkEvent{Result: &r}))
}
