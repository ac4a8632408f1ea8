package ethnode_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk/contract"
)

// TestEchoedSecrets uses nodes that repeat all secrets in every kind of answer. It checks that
// no secret appears in errors, in the health or in the log.
func TestEchoedSecrets(t *testing.T) {
	const key, user, password, token, query = "k3y-of-the-path", "operat0r", "pa55/w+rd", "t0ken-of-a-header", "qu3ry&v=lue"
	std := base64.StdEncoding.EncodeToString
	secrets := []string{key, user, password, url.QueryEscape(password), url.PathEscape(password), token, query, url.QueryEscape(query),
		std([]byte(user + ":" + password)), std([]byte(key)), std([]byte(token)), std([]byte(password))}
	echo := func(r *http.Request) string {
		return fmt.Sprintf("no access for %s with %s and %s; %s; %s", r.URL.String(), r.Header.Get("Authorization"), r.Header.Get("X-Token"), strings.Join(secrets, ", "), r.URL.Path)
	}
	chain := ethnodetest.NewChain(5)
	for name, fault := range map[string]func(w http.ResponseWriter, r *http.Request, call ethnodetest.Call){
		"error with 200": func(w http.ResponseWriter, r *http.Request, call ethnodetest.Call) {
			w.Write(ethnodetest.ReplyError(call, -32000, echo(r)))
		},
		"error data": func(w http.ResponseWriter, r *http.Request, call ethnodetest.Call) {
			text, _ := json.Marshal(echo(r))
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32000,"message":"no","data":{"url":%s}}}`, call.ID, text)
		},
		"error with 403": func(w http.ResponseWriter, r *http.Request, _ ethnodetest.Call) {
			http.Error(w, echo(r), http.StatusForbidden)
		},
		"JSON error with 500": func(w http.ResponseWriter, r *http.Request, call ethnodetest.Call) {
			w.WriteHeader(500)
			w.Write(ethnodetest.ReplyError(call, -32000, echo(r)))
		},
		"html": func(w http.ResponseWriter, r *http.Request, _ ethnodetest.Call) { fmt.Fprint(w, "<html>"+echo(r)) },
		"html, cut in a key": func(w http.ResponseWriter, r *http.Request, _ ethnodetest.Call) {
			fmt.Fprint(w, "<html>"+strings.Repeat("x", 60)+echo(r))
		},
		"a string for an error": func(w http.ResponseWriter, r *http.Request, _ ethnodetest.Call) {
			text, _ := json.Marshal(echo(r))
			fmt.Fprintf(w, `{"error":%s}`, text)
		},
		"a string for a result": func(w http.ResponseWriter, r *http.Request, call ethnodetest.Call) {
			text, _ := json.Marshal(echo(r))
			w.Write(ethnodetest.Reply(call, text))
		},
		"a member's name": func(w http.ResponseWriter, r *http.Request, call ethnodetest.Call) {
			text, _ := json.Marshal(map[string]any{"state": map[string]string{key + token: "0x1"}, "headers": []string{"0x" + key}})
			w.Write(ethnodetest.Reply(call, text))
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request, _ ethnodetest.Call) {
			http.Redirect(w, r, "http://127.0.0.1:1/"+echo(r), http.StatusFound)
		},
		"a cut connection": func(w http.ResponseWriter, _ *http.Request, _ ethnodetest.Call) { cut(w) },
	} {
		t.Run(name, func(t *testing.T) {
			node := ethnodetest.Start(t, chain)
			node.Set(func(n *ethnodetest.Node) {
				n.Fault = func(w http.ResponseWriter, r *http.Request, call ethnodetest.Call) bool {
					fault(w, r, call)
					return true
				}
			})
			u, err := url.Parse(node.URL)
			if err != nil {
				t.Fatal(err)
			}
			u.User, u.Path, u.RawQuery = url.UserPassword(user, password), "/v3/"+key, "token="+url.QueryEscape(query)
			var log bytes.Buffer
			opt := ethnode.PoolOptions{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
			pool, err := ethnode.NewPool(t.Context(), []ethnode.Endpoint{{URL: u.String(), WS: "ws" + strings.TrimPrefix(u.String(), "http"),
				Options: ethnode.Options{Header: http.Header{"X-Token": {token}}}}}, opt)
			if err != nil {
				t.Fatal(err)
			}
			source := ethnode.NewPoolSource(pool, 1, opt.Log)
			source.MissingTimeout = 1
			text := []string{}
			for range 4 {
				_, err := source.Poll(t.Context(), contract.PollRequest{Selection: contract.Selection{Every: 1}, Max: 1})
				text = append(text, fmt.Sprint(err))
				_, err = source.Fetch(t.Context(), openTask(t, chain.Head().Contract(chain.ID)))
				text = append(text, fmt.Sprint(err), pool.Health().Detail)
			}
			client, err := ethnode.NewClient(u.String(), ethnode.Options{Header: http.Header{"X-Token": {token}}})
			if err != nil {
				t.Fatal(err)
			}
			version, err := client.ClientVersion(t.Context())
			err2 := client.Witness(t.Context(), &bytes.Buffer{}, chain.Head().Contract(chain.ID))
			text = append(text, version, fmt.Sprint(err), fmt.Sprint(err2), client.Name())
			pool.Close()
			for _, text := range append(text, log.String()) {
				for _, secret := range secrets {
					for _, form := range []string{secret, secret[:len(secret)-2], secret[2:]} {
						if strings.Contains(text, form) {
							t.Errorf("%q is in %q", form, text)
						}
					}
				}
			}
			if !strings.Contains(strings.Join(text, ""), "127.0.0.1") {
				t.Errorf("nothing names the endpoint: %q", text)
			}
		})
	}
}
