package launch

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc"

	"github.com/proofline/proofline/sdk/wire"
)

// An adapter lets this package, whose calls follow wire.ProtocolVersion, call a plugin
// that implements another version of the protocol. The connection that it returns
// translates method names and messages.
type adapter func(grpc.ClientConnInterface) grpc.ClientConnInterface

// adapters are the versions of the protocol that this host supports. The handshake
// selects the newest one that the plugin supports, too. After a new version the
// previous one stays here, with an adapter, until its support ends.
var adapters = map[int]adapter{
	wire.ProtocolVersion: func(c grpc.ClientConnInterface) grpc.ClientConnInterface { return c },
}

// protocolVersions returns the versions of the protocol that the host supports.
func (s Spec) protocolVersions() []int { return slices.Sorted(maps.Keys(s.adapters)) }

// checkHandshake returns an error with a remedy if the handshake line of a plugin has a
// version of the protocol that the host does not support. go-plugin's own error has no
// remedy.
func (s Spec) checkHandshake(handshake string) error {
	_, rest, _ := strings.Cut(handshake, "|")
	version, _, _ := strings.Cut(rest, "|")
	n, err := strconv.Atoi(version)
	if err != nil {
		return nil
	}
	return wire.CheckProtocol(n, s.protocolVersions()...)
}
