package contract

import "time"

// Endpoint is a service that a plugin calls: an execution client, a coordinator, a
// site. Its counts begin with the plugin's process and only grow. A call that the
// plugin has called off itself, because another endpoint was faster or because it
// ends, is not among them.
type Endpoint struct {
	// Name is the same for a configuration, differs from those of the plugin's other
	// endpoints and has no secrets: metrics carry it as a label.
	Name   string        `json:"name"`
	Usable bool          `json:"usable"`           // for all that it is configured for
	Detail string        `json:"detail,omitempty"` // why it is not usable
	Calls  uint64        `json:"calls"`            // that have ended
	Failed uint64        `json:"failed"`           // of Calls
	Time   time.Duration `json:"time"`             // ns that Calls took, in all
}

// Bounds of what the host reads of a plugin's endpoints: their number, and bytes of a
// name and of a detail.
const (
	MaxEndpoints      = 32
	MaxEndpointName   = 120
	MaxEndpointDetail = 500
)
