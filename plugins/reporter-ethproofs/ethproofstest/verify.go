package ethproofstest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// SetVerifier sets the function that verifies proofs. The key is that of the proof's
// cluster version, and may be empty. Without a function the site cannot verify the zkVM.
func (s *Server) SetVerifier(verify func(proof, key []byte) (valid bool, reason string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verifier = verify
}

// UploadKey stores a verification key for the newest version of a cluster, as an upload
// on the team's dashboard does.
func (s *Server) UploadKey(team string, index int, key []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cluster(s.teams[team], index)
	newest := &c.versions[len(c.versions)-1]
	newest.vk = fmt.Sprintf("%s_%s_%d.bin", team, c.uuid, len(c.versions))
	s.keyFiles[newest.vk] = key
}

// activeKeys serves the keys of the newest versions of active multi-GPU clusters.
func (s *Server) activeKeys(w http.ResponseWriter, _ *http.Request) {
	type entry struct {
		Cluster string `json:"cluster_id"`
		Version int    `json:"cluster_version_index"`
		Team    string `json:"team"`
		ZkVM    string `json:"zkvm"`
		Path    string `json:"vk_path"`
		Binary  string `json:"vk_binary"`
	}
	list := []entry{}
	s.mu.Lock()
	for _, c := range s.clusters {
		newest := c.versions[len(c.versions)-1]
		key, stored := s.keyFiles[newest.vk]
		if newest.vk == "" || !stored || !c.active || c.gpus < 2 {
			continue
		}
		list = append(list, entry{c.uuid, len(c.versions), c.team.slug, "zisk", newest.vk, base64.StdEncoding.EncodeToString(key)})
	}
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, list)
}

// verify streams the events of the site's verifier.
func (s *Server) verify(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusOK)
	send := func(status string, more map[string]any) {
		event := map[string]any{"status": status, "timestamp": stamp(s.now())}
		for name, value := range more {
			event[name] = value
		}
		encoded, err := json.Marshal(event)
		if err != nil {
			panic(fmt.Sprintf("ethproofstest: %v", err))
		}
		_, _ = fmt.Fprintf(w, "data: %s\n\n", encoded)
	}
	send("downloading", nil)
	s.mu.Lock()
	var row *Proof
	for _, p := range s.proofs {
		if strconv.Itoa(p.ID) == r.PathValue("id") {
			row = p
		}
	}
	verifier := s.verifier
	s.mu.Unlock()
	if row == nil {
		send("error", map[string]any{"error": "Proof not found"})
		return
	}
	s.mu.Lock()
	status, versions, object := row.Status, row.cluster.versions, row.object
	newest := versions[len(versions)-1]
	proof, hasProof := s.stored[object]
	key := s.keyFiles[newest.vk]
	s.mu.Unlock()
	switch {
	case status != "proved":
		send("error", map[string]any{"error": fmt.Sprintf("Proof status is %s, not proved", status)})
	case row.Version != newest.id:
		send("complete", map[string]any{"isValid": nil, "error": "Proof's cluster version is no longer active (verification disabled)"})
	case verifier == nil:
		send("complete", map[string]any{"isValid": nil, "error": "Unsupported zkVM: fake"})
	case !hasProof:
		send("error", map[string]any{"error": "Failed to download proof binary after 5 attempts"})
	default:
		send("verifying", nil)
		valid, reason := verifier(proof, key)
		result := map[string]any{"isValid": valid, "verifyTime": 12.5}
		if reason != "" {
			result["error"] = reason
		}
		send("complete", result)
	}
}
