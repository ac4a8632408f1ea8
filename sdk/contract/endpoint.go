package contract

import "time"

// Endpoint is a service that a plugin calls: an execution client, a coordinator, a
// site. The counts begin at zero with the plugin's process and only grow. They leave out
// a call that the plugin itself has cancelled, because another endpoint was faster or
// because the plugin ends.
type Endpoint struct {
	// Name stays the same for a configuration, differs from the names of the plugin's
	// other endpoints and holds no secret: metrics carry it as a label.
	Name   string        `json:"name"`
	Usable bool          `json:"usable"`           // whether it serves every purpose that it is configured for
	Detail string        `json:"detail,omitempty"` // why it is not usable
	Calls  uint64        `json:"calls"`            // number of calls that have ended
	Failed uint64        `json:"failed"`           // number of calls, among Calls, that have failed
	Time   time.Duration `json:"time"`             // total duration of Calls; nanoseconds in JSON
}

// Limits of what the host reads of a plugin's endpoints.
const (
	MaxEndpoints      = 32  // number of endpoints
	MaxEndpointName   = 120 // length of a name in bytes
	MaxEndpointDetail = 500 // length of a detail in bytes
)
