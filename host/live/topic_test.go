package live

import (
	"strings"
	"testing"

	"github.com/proofline/proofline/host/docs"
)

// TestTopicsAreThere: the pages and headings to which failures and alerts refer exist in
// the documentation.
func TestTopicsAreThere(t *testing.T) {
	for _, topic := range []string{topicNode, topicProver, topicEthProofs, topicHost, topicFailure, topicAlerts} {
		name, heading, _ := strings.Cut(topic, "#")
		page, err := docs.Find(name)
		if err != nil {
			t.Error(err)
			continue
		}
		html, err := page.HTML("/docs/")
		if err != nil || !strings.Contains(html, ` id="`+heading+`"`) {
			t.Errorf("%s has no heading %q (%v)", name, heading, err)
		}
	}
}
