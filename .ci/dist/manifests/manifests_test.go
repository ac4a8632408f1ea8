// Package manifests holds the files of host/deploy against the types of those who read
// them: k8s.io/api and the Prometheus operator's.
package manifests

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// TestKubernetes decodes every manifest strictly: an unknown field or a wrong type is an
// error. The ports, volumes and claims that are named must exist.
func TestKubernetes(t *testing.T) {
	files, err := filepath.Glob("../../../host/deploy/kubernetes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	seen := map[string]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range bytes.Split(text, []byte("\n---\n")) {
			var head struct {
				Kind string `json:"kind"`
			}
			if err := yaml.Unmarshal(part, &head); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			into, known := map[string]any{
				"StatefulSet": &apps.StatefulSet{}, "Service": &core.Service{}, "ConfigMap": &core.ConfigMap{},
				"PersistentVolumeClaim": &core.PersistentVolumeClaim{}, "ServiceMonitor": &monitoring.ServiceMonitor{},
			}[head.Kind]
			if !known {
				t.Errorf("%s: a manifest of kind %q", file, head.Kind)
				continue
			}
			seen[head.Kind]++
			if err := yaml.UnmarshalStrict(part, into); err != nil {
				t.Errorf("%s: %s: %v", file, head.Kind, err)
			}
			if set, ok := into.(*apps.StatefulSet); ok {
				checkSet(t, set)
			}
		}
	}
	for _, kind := range []string{"StatefulSet", "Service", "ServiceMonitor", "PersistentVolumeClaim"} {
		if seen[kind] != 1 {
			t.Errorf("%d manifests of kind %s", seen[kind], kind)
		}
	}
}

func checkSet(t *testing.T, set *apps.StatefulSet) {
	t.Helper()
	pod := set.Spec.Template.Spec
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, claim := range set.Spec.VolumeClaimTemplates {
		volumes[claim.Name] = true
	}
	for _, c := range pod.Containers {
		for _, mount := range c.VolumeMounts {
			if !volumes[mount.Name] {
				t.Errorf("container %s mounts %s, which is no volume", c.Name, mount.Name)
			}
		}
		for name, probe := range map[string]*core.Probe{"startup": c.StartupProbe, "readiness": c.ReadinessProbe, "liveness": c.LivenessProbe} {
			if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Port.StrVal != c.Ports[0].Name {
				t.Errorf("the %s probe does not ask the monitor", name)
			}
		}
	}
	for key, value := range set.Spec.Selector.MatchLabels {
		if set.Spec.Template.Labels[key] != value {
			t.Errorf("the selector's label %s is not the pods'", key)
		}
	}
}
