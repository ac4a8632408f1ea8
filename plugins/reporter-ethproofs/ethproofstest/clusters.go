package ethproofstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// knownZkVMs is how many zkVM versions the site lists; their ids count from 1.
const knownZkVMs = 3

type cluster struct {
	team     *team
	index    int // within the team, from 1; the API calls it id
	uuid     string
	name     string
	hardware *string
	gpus     int
	active   bool
	versions []version // oldest first
}

type version struct {
	id   int // unique over all clusters
	zkvm int
	vk   string
}

// AddCluster creates a cluster of eight GPUs with one version and returns its
// index.
func (s *Server) AddCluster(team string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addCluster(s.teams[team], team+"-01", 1, 8, nil).index
}

// AddVersion gives a cluster a new version, as a change of its zkVM does. Blocks that
// were proved under the old version can be proved again.
func (s *Server) AddVersion(team string, index int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addVersion(s.cluster(s.teams[team], index), 2, "")
}

func (s *Server) addCluster(t *team, name string, zkvm, gpus int, hardware *string) *cluster {
	index := 1
	for _, c := range s.clusters {
		if c.team == t {
			index++
		}
	}
	c := &cluster{team: t, index: index, name: name, gpus: gpus, hardware: hardware,
		uuid: uuid("cluster", t.slug, strconv.Itoa(index))}
	s.clusters = append(s.clusters, c)
	s.addVersion(c, zkvm, "")
	return c
}

func (s *Server) addVersion(c *cluster, zkvm int, vk string) {
	s.lastVersion++
	c.versions = append(c.versions, version{id: s.lastVersion, zkvm: zkvm, vk: vk})
}

// cluster returns a team's cluster, nil for none. The caller holds mu.
func (s *Server) cluster(t *team, index int) *cluster {
	for _, c := range s.clusters {
		if c.team == t && c.index == index {
			return c
		}
	}
	return nil
}

func (s *Server) listClusters(w http.ResponseWriter, r *http.Request) {
	type versionID struct {
		ID int `json:"id"`
	}
	type entry struct {
		ID       int         `json:"id"`
		Name     string      `json:"name"`
		Hardware *string     `json:"hardware_description"`
		Versions []versionID `json:"versions"`
	}
	list := []entry{}
	s.mu.Lock()
	for _, c := range s.clusters {
		if c.team != keyOf(r).team {
			continue
		}
		e := entry{c.index, c.name, c.hardware, []versionID{}}
		for _, v := range c.versions {
			e.Versions = append(e.Versions, versionID{v.id})
		}
		list = append(list, e)
	}
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, list)
}

func (s *Server) createCluster(w http.ResponseWriter, r *http.Request) {
	fields, ok := payload(w, r, clusterRules)
	if !ok {
		return
	}
	zkvm := int(fields["zkvm_version_id"].(float64))
	if zkvm > knownZkVMs {
		text(w, http.StatusBadRequest, "Invalid zkvm version")
		return
	}
	gpus := 1
	if n, given := fields["num_gpus"].(float64); given {
		gpus = int(n)
	}
	var hardware *string
	if h, given := fields["hardware_description"].(string); given {
		hardware = &h
	}
	s.mu.Lock()
	c := s.addCluster(keyOf(r).team, fields["name"].(string), zkvm, gpus, hardware)
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, struct {
		ID int `json:"id"`
	}{c.index})
}

func (s *Server) updateCluster(w http.ResponseWriter, r *http.Request) {
	index, err := strconv.Atoi(r.PathValue("index"))
	if err != nil {
		text(w, http.StatusBadRequest, "Invalid cluster ID")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cluster(keyOf(r).team, index)
	if c == nil {
		text(w, http.StatusNotFound, "Cluster not found")
		return
	}
	fields, ok := payload(w, r, clusterUpdateRules)
	if !ok {
		return
	}
	known := 0
	for _, rule := range clusterUpdateRules {
		if _, given := fields[rule.name]; given {
			known++
		}
	}
	if known == 0 {
		text(w, http.StatusBadRequest, "No fields to update")
		return
	}
	if gpus, given := fields["num_gpus"].(float64); given && (gpus > 1) != (c.gpus > 1) {
		text(w, http.StatusBadRequest, fmt.Sprintf(
			"Changing num_gpus from %d to %d would change GPU configuration from %s to %s. This is not supported via API.",
			c.gpus, int(gpus), configuration(c.gpus), configuration(int(gpus))))
		return
	}
	zkvm, changesZkVM := fields["zkvm_version_id"].(float64)
	if changesZkVM && int(zkvm) > knownZkVMs {
		text(w, http.StatusBadRequest, "Invalid zkvm_version_id")
		return
	}
	s.apply(c, fields)
	writeJSON(w, http.StatusOK, map[string]bool{"success": true})
}

// apply changes a cluster by checked fields. The caller holds mu.
func (s *Server) apply(c *cluster, fields map[string]any) {
	if name, given := fields["name"].(string); given {
		c.name = name
	}
	if gpus, given := fields["num_gpus"].(float64); given {
		c.gpus = int(gpus)
	}
	if hardware, given := fields["hardware_description"].(string); given {
		c.hardware = &hardware
	}
	if active, given := fields["is_active"].(bool); given {
		c.active = active
	}
	newest := c.versions[len(c.versions)-1]
	next := newest
	if zkvm, given := fields["zkvm_version_id"].(float64); given {
		next.zkvm = int(zkvm)
	}
	if vk, given := fields["vk_path"].(string); given {
		next.vk = vk
	}
	if next != newest {
		s.addVersion(c, next.zkvm, next.vk)
	}
}

func configuration(gpus int) string {
	if gpus > 1 {
		return "multi-gpu"
	}
	return "single-gpu"
}

// payload reads and checks the body of a cluster route. It answers a faulty body itself,
// with the issues alone, and returns false.
func payload(w http.ResponseWriter, r *http.Request, rules []rule) (map[string]any, bool) {
	var value any
	if json.NewDecoder(r.Body).Decode(&value) != nil {
		text(w, http.StatusBadRequest, "Invalid payload")
		return nil, false
	}
	fields, issues := validate(value, rules)
	if issues != "" {
		text(w, http.StatusBadRequest, issues)
		return nil, false
	}
	return fields, true
}
