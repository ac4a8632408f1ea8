package ethnodetest

import (
	"context"
	"net"
	"net/http"
	"sync"

	"github.com/ethereum/go-ethereum/rpc"
)

// headFeed serves newHeads subscriptions over WebSocket.
type headFeed struct {
	server  *rpc.Server
	handler http.Handler

	mu    sync.Mutex
	conns map[net.Conn]bool // hijacked connections, which are WebSockets
	subs  map[*rpc.Subscription]*rpc.Notifier
}

func (f *headFeed) start() {
	f.subs = make(map[*rpc.Subscription]*rpc.Notifier)
	f.server = rpc.NewServer()
	must(f.server.RegisterName("eth", &headsAPI{f}))
	f.handler = f.server.WebsocketHandler([]string{"*"})
}

func (f *headFeed) stop() {
	f.closeAll()
	f.server.Stop()
}

func (f *headFeed) track(c net.Conn, state http.ConnState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if state == http.StateHijacked {
		if f.conns == nil {
			f.conns = make(map[net.Conn]bool)
		}
		f.conns[c] = true
	}
}

func (f *headFeed) closeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		c.Close()
	}
	clear(f.conns)
	clear(f.subs)
}

// headsAPI is the eth namespace of a WebSocket.
type headsAPI struct{ feed *headFeed }

// NewHeads serves eth_subscribe("newHeads").
func (a *headsAPI) NewHeads(ctx context.Context) (*rpc.Subscription, error) {
	notifier, ok := rpc.NotifierFromContext(ctx)
	if !ok {
		return nil, rpc.ErrNotificationsUnsupported
	}
	sub := notifier.CreateSubscription()
	a.feed.mu.Lock()
	a.feed.subs[sub] = notifier
	a.feed.mu.Unlock()
	return sub, nil
}

// Announce sends the head to every newHeads subscription.
func (n *Node) Announce() {
	head := n.Chain.Head().header
	n.heads.mu.Lock()
	defer n.heads.mu.Unlock()
	for sub, notifier := range n.heads.subs {
		if notifier.Notify(sub.ID, head) != nil {
			delete(n.heads.subs, sub)
		}
	}
}

// Subscribers returns the number of newHeads subscriptions.
func (n *Node) Subscribers() int {
	n.heads.mu.Lock()
	defer n.heads.mu.Unlock()
	return len(n.heads.subs)
}

// CloseWebSockets closes every WebSocket.
func (n *Node) CloseWebSockets() { n.heads.closeAll() }
