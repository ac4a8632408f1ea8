package launch

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc"

	"github.com/proofline/proofline/sdk/wire"
)

// A dialect lets the calls of this package, which are made in the terms of
// wire.ProtocolVersion, reach a plugin that speaks another version of the
// protocol: it translates method names and messages on the way.
type dialect func(grpc.ClientConnInterface) grpc.ClientConnInterface

// dialects are the versions of the protocol that this host speaks. The handshake
// takes the newest that the plugin speaks too. When a next version comes, the
// previous one stays here as a translation until it expires.
var dialects = map[int]dialect{
	wire.ProtocolVersion: func(c grpc.ClientConnInterface) grpc.ClientConnInterface { return c },
}

func (s Spec) spoken() []int { return slices.Sorted(maps.Keys(s.dialects)) }

// checkGreeting refuses a plugin whose handshake names a version of the protocol
// that is not spoken here. go-plugin's own words for it name no way out.
func (s Spec) checkGreeting(handshake string) error {
	_, rest, _ := strings.Cut(handshake, "|")
	version, _, _ := strings.Cut(rest, "|")
	n, err := strconv.Atoi(version)
	if err != nil {
		return nil
	}
	return wire.CheckProtocol(n, s.spoken()...)
}
