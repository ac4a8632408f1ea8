package main

import "strings"

// examples are the examples in the help of each command. The key is the command without
// the program's name.
var examples = map[string]string{
	"run":              "proofline run --blocks 5 pipeline.yaml",
	"validate":         "proofline validate mainnet.yaml",
	"init":             "proofline init zisk",
	"doctor":           "proofline doctor mainnet.yaml",
	"status":           "proofline status --watch mainnet.yaml",
	"blocks list":      "proofline blocks list --state failed -n 20",
	"blocks show":      "proofline blocks show 24000100",
	"blocks logs":      "proofline blocks logs 24000100",
	"blocks add":       "proofline blocks add 24000100 24000200",
	"blocks retry":     "proofline blocks retry --failed --since 12h",
	"blocks skip":      "proofline blocks skip 24000100",
	"blocks bundle":    "proofline blocks bundle 24000100",
	"prove":            "proofline prove 24000100 --input input.bin",
	"verify":           "proofline verify 24000100",
	"report":           "proofline report 24000100",
	"compare":          "proofline compare prove next",
	"score":            "proofline score mainnet.yaml",
	"log level":        "proofline log level debug mainnet.yaml",
	"drain":            "proofline drain --after-current mainnet.yaml",
	"reload":           "proofline reload mainnet.yaml",
	"upgrade-check":    "/opt/proofline-next/proofline upgrade-check mainnet.yaml",
	"docs":             "proofline docs troubleshooting",
	"completion":       "proofline completion bash > /etc/bash_completion.d/proofline",
	"plugins list":     "proofline plugins list",
	"plugins lock":     "proofline plugins lock bin/plugins",
	"plugins describe": "proofline plugins describe prover-zisk",
	"plugins install":  "proofline plugins install mainnet.yaml",
	"plugins test":     "proofline plugins test bin/plugins/prover-mine",
	"new plugin":       "proofline new plugin prover prover-mine",
	"db check":         "proofline db check",
	"db backup":        "proofline db backup --to checkpoint.backup",
	"db compact":       "proofline db compact",
	"explain":          "proofline explain stages.retry.max",
	"schema":           "proofline schema > pipeline.schema.json",
	"help":             "proofline help blocks add",
	"version":          "proofline version",
	"bench":            "proofline bench --archive kept --html report.html mainnet.yaml",
	"bundle":           "proofline bundle 24000100",
	"top":              "proofline top mainnet.yaml",
	"simulate":         "proofline simulate --sweep gpus=1..16 --gpu-hour 0.4 --html plan.html",
}

// addExample adds the example of a command to its description, unless it is there already.
func addExample(name, description string) string {
	example := examples[name]
	if example == "" || strings.Contains(description, example) {
		return description
	}
	return strings.TrimPrefix(strings.TrimRight(description, "\n")+"\n\n  "+example, "\n\n")
}
