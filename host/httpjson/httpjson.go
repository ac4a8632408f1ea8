// Package httpjson answers HTTP requests in JSON.
package httpjson

import (
	"encoding/json"
	"net/http"
)

// Write answers with a status code and a value as one line of JSON.
func Write(w http.ResponseWriter, code int, value any) {
	text, err := json.Marshal(value)
	if err != nil { // plain data only
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(text, '\n')) // whoever asked may have gone
}
