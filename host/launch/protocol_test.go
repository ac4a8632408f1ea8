package launch

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/proofline/proofline/sdk/wire"
)

// nextProtocol is a version of the protocol that exists only in this test. Its services
// have other names.
const nextProtocol = wire.ProtocolVersion + 1

const thisPackage, nextPackage = "proofline.plugin.v1", "proofline.plugin.next"

// next renames a service.
func next(desc grpc.ServiceDesc) *grpc.ServiceDesc {
	desc.ServiceName = strings.Replace(desc.ServiceName, thisPackage, nextPackage, 1)
	return &desc
}

// renaming is the adapter for nextProtocol.
type renaming struct{ grpc.ClientConnInterface }

func (r renaming) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return r.ClientConnInterface.Invoke(ctx, strings.Replace(method, thisPackage, nextPackage, 1), args, reply, opts...)
}

func (r renaming) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return r.ClientConnInterface.NewStream(ctx, desc, strings.Replace(method, thisPackage, nextPackage, 1), opts...)
}

// TestTwoProtocols: plugins of two versions of the protocol work at the same time under
// one host.
func TestTwoProtocols(t *testing.T) {
	run := openRun(t, t.TempDir())
	both := map[int]adapter{
		wire.ProtocolVersion: adapters[wire.ProtocolVersion],
		nextProtocol:         func(c grpc.ClientConnInterface) grpc.ClientConnInterface { return renaming{c} },
	}
	for _, stage := range []string{"", "next"} {
		spec := specOver(run, stage)
		spec.Stage, spec.adapters = "prove-"+stage, both
		p, err := Launch(t.Context(), spec)
		if err != nil {
			t.Fatalf("%q: %v", stage, err)
		}
		defer func() {
			if err := p.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		if err := p.Verify(t.Context(), task(t, ""), nil); err != nil {
			t.Errorf("%q: %v", stage, err)
		}
		if _, err := p.Prove(t.Context(), task(t, ""), ignore); err != nil {
			t.Errorf("%q: %v", stage, err)
		}
	}
}

// TestProtocolRefused: if host and plugin have no common version of the protocol, the
// error names the versions and a remedy.
func TestProtocolRefused(t *testing.T) {
	run := openRun(t, t.TempDir())
	later := map[int]adapter{nextProtocol: nil, nextProtocol + 1: nil}
	for _, test := range []struct {
		start    string
		dialects map[int]adapter
		want     string
	}{
		{"", later, "start plugin prover-chaos: it speaks protocol 1, which has expired: this proofline speaks 2 and 3; install a newer release of the plugin"},
		{"next", nil, "start plugin prover-chaos: it speaks protocol 2, which this proofline does not know yet: it speaks 1; install a newer proofline, or an older release of the plugin"},
	} {
		spec := specOver(run, test.start)
		spec.adapters = test.dialects
		p, err := Launch(t.Context(), spec)
		if p != nil || err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.start, err, test.want)
		}
	}
}
