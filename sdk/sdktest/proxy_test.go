package sdktest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/proofline/proofline/sdk"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

// proxy is a process that passes every call on to a good plugin inside it, except
// for what its fault does to them. It speaks the protocol without the SDK and without
// go-plugin, so that it can break what those do not let an author break.
type proxy struct {
	fault fault
	inner *grpc.ClientConn

	mu         sync.Mutex
	configured bool           // Configure was called
	config     []byte         // of Configure
	stateDir   string         // of Configure
	calls      map[string]int // begun, by method
	cancelled  int            // work calls that were cancelled
	running    int            // work calls that have not ended
	completed  int            // work calls that succeeded
	polling    int
}

// call is one call on its way.
type call struct {
	*proxy
	ctx    context.Context
	method string // "Configure"
	number int    // of the calls of this method in this process, from 1
	// answer, when a fault sets it, is sent in place of passing the call on.
	answer [][]byte
	config string // that Configure was called with, for a fault that repeats it
	err    error
}

// raw passes messages as they are.
type raw struct{}

func (raw) Name() string { return "proto" }
func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}
func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = append([]byte{}, data.Materialize()...) // not nil, which stands for no message
	return nil
}

// as edits a message as what it is.
func as[T any, M interface {
	*T
	proto.Message
}](data []byte, edit func(M)) []byte {
	m := M(new(T))
	if err := proto.Unmarshal(data, m); err != nil {
		panic(err)
	}
	edit(m)
	out, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return append([]byte{}, out...)
}

// serveProxy is the main function of a bad plugin.
func serveProxy(f fault) {
	if os.Getenv(wire.Handshake.MagicCookieKey) == "" {
		if f.byHand != nil {
			f.byHand(os.Args[1:])
		}
		sdk.Serve(f.good()) // ends the process
	}
	dir := os.Getenv("PLUGIN_UNIX_SOCKET_DIR")
	inner, outer := filepath.Join(dir, "inner"), filepath.Join(dir, "outer")
	innerListener, err := net.Listen("unix", inner)
	if err != nil {
		panic(err)
	}
	life, end := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = f.good().ServeListener(life, innerListener, os.Stderr)
	}()
	p := &proxy{fault: f, calls: map[string]int{}}
	if p.inner, err = grpc.NewClient("unix:"+inner, append(wire.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...); err != nil {
		panic(err)
	}
	listener, err := net.Listen("unix", outer)
	if err != nil {
		panic(err)
	}
	stop := make(chan int, 2)
	server := grpc.NewServer(append(wire.ServerOptions(), grpc.ForceServerCodecV2(raw{}), grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(s)
		if strings.HasSuffix(method, "/Shutdown") {
			if err := s.RecvMsg(new([]byte)); err != nil {
				return err
			}
			defer func() { stop <- f.exitCode }()
			return s.SendMsg(new([]byte))
		}
		return p.pass(s, method)
	}))...)
	if !f.obeysInt {
		signal.Ignore(syscall.SIGINT)
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	go func() {
		<-term
		if !f.ignoresTerm {
			stop <- 143
		}
	}()
	fmt.Printf("1|%d|unix|%s|grpc\n", wire.ProtocolVersion, outer)
	go func() { _ = server.Serve(listener) }()
	code := <-stop
	end()
	<-over
	server.Stop()
	os.Exit(code)
}

// pass passes one call on.
func (p *proxy) pass(s grpc.ServerStream, path string) error {
	var request []byte
	if err := s.RecvMsg(&request); err != nil {
		return err
	}
	method := path[strings.LastIndexByte(path, '/')+1:]
	p.mu.Lock()
	p.calls[method]++
	c := &call{proxy: p, ctx: s.Context(), method: method, number: p.calls[method]}
	work := strings.Contains("Fetch Build Prove Report", method)
	if work {
		p.running++
	}
	if method == "Poll" {
		p.polling++
	}
	if method == "Configure" {
		p.configured = true
		as(request, func(m *pluginv1.ConfigureRequest) { p.config, p.stateDir = m.GetConfigJson(), m.GetStateDir() })
	}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if work {
			p.running--
			if s.Context().Err() != nil {
				p.cancelled++
			}
		}
		if method == "Poll" {
			p.polling--
		}
	}()
	if p.fault.request != nil {
		request = p.fault.request(c, request)
	}
	if c.answer != nil || c.err != nil {
		for _, message := range c.answer {
			if err := s.SendMsg(&message); err != nil {
				return err
			}
		}
		return c.err
	}
	stream, err := p.inner.NewStream(c.ctx, &grpc.StreamDesc{ServerStreams: true}, path, grpc.ForceCodecV2(raw{}))
	if err == nil {
		err = errors.Join(stream.SendMsg(&request), stream.CloseSend())
	}
	if err != nil {
		return err
	}
	for {
		var reply []byte
		if err := stream.RecvMsg(&reply); errors.Is(err, io.EOF) {
			p.mu.Lock()
			p.completed++
			p.mu.Unlock()
			return nil
		} else if err != nil {
			return err
		}
		if p.fault.reply != nil {
			reply = p.fault.reply(c, reply)
		}
		if reply != nil {
			if err := s.SendMsg(&reply); err != nil {
				return err
			}
		}
	}
}
