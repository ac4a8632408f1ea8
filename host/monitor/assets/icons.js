// The icons, as paths in a box of 12 by 12. The server draws them, too: what follows the sign is JSON (host/monitor/icons.go).
export const ICONS = {
  "running": "M6 2a4 4 0 1 0 .01 0z",
  "idle": "M6 2.5a3.5 3.5 0 1 0 .01 0z",
  "waiting": "M6 2.5a3.5 3.5 0 1 0 3.5 3.5M6 4v2l1.5 1",
  "paused": "M4 2.5v7M8 2.5v7",
  "warning": "M6 1.5L11 10.5H1zM6 5v2.4M6 9v.2",
  "error": "M2.5 2.5l7 7M9.5 2.5l-7 7",
  "done": "M2 6.5l3 3 5-6.5",
  "info": "M6 5.5v4M6 2.5v.3",
  "starting": "M10 6A4 4 0 0 1 9.51 7.92M8.16 9.37A4 4 0 0 1 6.28 9.99M4.34 9.64A4 4 0 0 1 2.8 8.39M2.04 6.56A4 4 0 0 1 2.25 4.6M3.39 2.97A4 4 0 0 1 5.16 2.09M7.13 2.16A4 4 0 0 1 8.83 3.18M9.84 4.88A4 4 0 0 1 10 6",
  "skip": "M2.5 6h7",
  "reorg": "M3 10V6.5a2.5 2.5 0 0 1 5 0V8M5.8 6L8 8.2 10.2 6",
  "late": "M6 1.8a4.2 4.2 0 1 0 .1 0M6 3.8V6l2 1.4",
  "rejected": "M6 2v5M6 9.8v.2",
  "none": ""
}
