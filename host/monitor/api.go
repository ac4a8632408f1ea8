package monitor

import (
	"encoding/json"
	"net/http"
)

// answer writes a value as JSON. An error is {"error": …} with 503: what cannot
// be read now may be later.
func answer(w http.ResponseWriter, value any, err error) {
	code := http.StatusOK
	if err != nil {
		value, code = map[string]string{"error": err.Error()}, http.StatusServiceUnavailable
	}
	text, err := json.Marshal(value)
	if err != nil { // plain data only
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(append(text, '\n'))
}
