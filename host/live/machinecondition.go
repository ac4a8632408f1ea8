package live

import "fmt"

// machineConditions returns what is wrong with the machine: disk space and GPUs.
func machineConditions(h Hardware) (list []Condition) {
	if h.DiskTotal > 0 && (h.DiskFree < 2<<30 || h.DiskFree*50 < h.DiskTotal) {
		list = append(list, Condition{
			ID: "disk", Topic: topicHost, Title: "The disk fills up", Text: fmt.Sprintf("%.1f GB are free in the data folder", float64(h.DiskFree)/1e9),
			Remedy: "Make room, or keep files for a shorter time (keep.files). What takes it:", Command: "du -xsh data output",
		})
	}
	for _, g := range h.GPUs {
		switch {
		case g.Lost:
			list = append(list, Condition{
				ID: fmt.Sprintf("gpu/%d/lost", g.Index), Severity: SeverityDegraded, Topic: topicProver, Title: fmt.Sprintf("GPU %d does not answer", g.Index),
				Text: "nvidia-smi does not list it any more", Remedy: "What the driver says:", Command: "dmesg | grep -i xid",
			})
		case g.Slowed:
			list = append(list, Condition{
				ID: fmt.Sprintf("gpu/%d/hot", g.Index), Topic: topicProver, Title: fmt.Sprintf("GPU %d is hot", g.Index),
				Text: fmt.Sprintf("%.0f °C, clocks are reduced; proofs take longer", g.Celsius), Remedy: "Check fan and airflow:",
				Command: fmt.Sprintf("nvidia-smi -i %d -q -d PERFORMANCE", g.Index),
			})
		}
	}
	return list
}
