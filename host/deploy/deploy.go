// Package deploy holds the files with which a pipeline is installed: a systemd unit, a
// Dockerfile, a compose file with Prometheus and Grafana, Kubernetes manifests. It has no
// code but its tests.
package deploy
