package keeper

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// reach is the result of what a confined process has tried.
type reach struct {
	Read, Write, Listed, Stayed, Null string // error; empty for success
	TCP, UDP                          string
	Environ                           string // of the process that runs the test
}

// tryAll is a role. It tries the accesses that its arguments name and prints the results.
// Arguments: a file to read, a file to write, a folder to list, an address, a folder
// that is its own, the id of another process.
func tryAll(args []string) {
	text := func(err error) string {
		if err == nil {
			return ""
		}
		return err.Error()
	}
	var r reach
	_, err := os.ReadFile(args[0])
	r.Read = text(err)
	r.Write = text(os.WriteFile(args[1], nil, 0o600))
	_, err = os.ReadDir(args[2])
	r.Listed = text(err)
	for _, network := range []struct {
		name string
		into *string
	}{{"tcp", &r.TCP}, {"udp", &r.UDP}} {
		conn, err := net.DialTimeout(network.name, args[3], 5*time.Second)
		if err == nil {
			_, err = conn.Write([]byte("x"))
			conn.Close()
		}
		*network.into = text(err)
	}
	_, err = os.ReadFile(filepath.Join("/proc", args[5], "environ"))
	r.Environ = text(err)
	// In its own folder it may make files and folders, and move files between them.
	own := args[4]
	for _, dir := range []string{"a", "b"} {
		_ = os.Mkdir(filepath.Join(own, dir), 0o700)
	}
	err = os.WriteFile(filepath.Join(own, "a", "x"), []byte("x"), 0o600)
	if err == nil {
		err = os.Rename(filepath.Join(own, "a", "x"), filepath.Join(own, "b", "x"))
	}
	r.Stayed = text(err)
	r.Null = text(os.WriteFile(os.DevNull, []byte("x"), 0))
	line, _ := json.Marshal(r)
	fmt.Println(string(line))
}

// TestConfinement: a confined process can reach only its own files. The same process
// without a confinement can reach everything, which shows that the test works.
func TestConfinement(t *testing.T) {
	support := Supported()
	if !support.FilesEnforced() {
		t.Skipf("needs Landlock: %v", support)
	}
	t.Logf("%v", support)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	own := t.TempDir()
	try := func(c *Confinement) (r reach) {
		t.Helper()
		outRead, outWrite := pipe(t)
		errRead, errWrite := pipe(t)
		p, err := Start(Command{
			Options: Options{Grace: time.Second, Confine: c},
			Keeper:  []string{os.Args[0], "keeper"},
			Argv:    []string{os.Args[0], "role", "reach", secret, filepath.Join(filepath.Dir(secret), "new"), "/", listener.Addr().String(), own, strconv.Itoa(os.Getpid())},
			Env:     os.Environ(), Stdout: outWrite, Stderr: errWrite,
		})
		if err != nil {
			t.Fatal(err)
		}
		<-p.Done()
		if e := p.Exit(); e.Code != 0 {
			words, _ := bufio.NewReader(errRead).ReadString('\n')
			t.Fatalf("%v: %s", e, words)
		}
		if err := json.NewDecoder(outRead).Decode(&r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := try(nil); r != (reach{}) {
		t.Fatalf("without a confinement: %+v", r)
	}
	base := []string{os.Args[0], "/proc", "/sys", "/lib", "/lib64", "/usr"}
	r := try(&Confinement{Read: base, Write: []string{own}})
	for what, err := range map[string]string{"read": r.Read, "write": r.Write, "list /": r.Listed, "environment of the host": r.Environ} {
		if !strings.Contains(err, "permission denied") {
			t.Errorf("%s outside: %q", what, err)
		}
	}
	if r.Stayed != "" || r.Null != "" {
		t.Errorf("in its own folder: %q, /dev/null: %q", r.Stayed, r.Null)
	}
	if support.NetworkEnforced() && (r.TCP == "" || r.UDP == "") {
		t.Errorf("network: TCP %q, UDP %q", r.TCP, r.UDP)
	}
	r = try(&Confinement{Read: append(base, secret), Write: []string{own, "/nowhere"}, Network: true})
	if r.Read != "" || r.TCP != "" || r.UDP != "" || r.Write == "" || r.Environ == "" {
		t.Errorf("with a file and the network allowed: %+v", r)
	}
}

// TestConfinedOptions: a confinement is the same after it was passed on the command line.
func TestConfinedOptions(t *testing.T) {
	want := Options{Lock: "l", LockWait: time.Second, Grace: time.Minute, Confine: &Confinement{Read: []string{"/a b", "-x"}, Network: true}, User: &User{UID: 7, GID: 8}}
	got, argv, err := parse(want.Args("/bin/x", "--y"))
	if err != nil || fmt.Sprint(argv) != "[/bin/x --y]" || got.Confine == nil || fmt.Sprint(*got.Confine) != fmt.Sprint(*want.Confine) || got.User == nil || *got.User != *want.User {
		t.Errorf("%+v %v %v", got, argv, err)
	}
}

// TestNoConfinementToEnter: wrong command lines are refused and start nothing.
func TestNoConfinementToEnter(t *testing.T) {
	for _, args := range [][]string{{confineCommand}, {confineCommand, "{}"}, {confineCommand, "{}", "--"}, {confineCommand, "x", "--", "/bin/true"}, {confineCommand, "{}", "/bin/true", "x"}} {
		if err := execConfined(args); err == nil {
			t.Errorf("%q", args)
		}
	}
}
