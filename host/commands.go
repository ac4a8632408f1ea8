package host

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/sdk/tick"
)

// socketCheckEvery is the time between two checks whether the control socket exists.
const socketCheckEvery = 5 * time.Second

// watchSocket makes a new control socket when the present one was removed, and announces
// its path, until ctx ends. The end of a login session removes the directory of sockets.
func (h *host) watchSocket(ctx context.Context, server *control.Server, socket string) {
	failed := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.At(socketCheckEvery):
		}
		if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		next, err := h.reopenSocket(server)
		switch {
		case err == nil:
			h.Log.Warn("the socket for commands was removed by somebody else and is made again", "was", socket, "is", next)
			socket, failed = next, ""
		case err.Error() != failed:
			failed = err.Error()
			h.Log.Error("the socket for commands was removed and cannot be made again", "error", err)
		}
	}
}

// reopenSocket makes the server listen on a new socket and announces it.
func (h *host) reopenSocket(server *control.Server) (socket string, err error) {
	dir, err := h.run.SocketDir()
	if err != nil {
		return "", err
	}
	socket = filepath.Join(dir, "control.sock")
	if err := server.Listen(socket); err != nil {
		return "", err
	}
	_, err = control.Announce(h.file().Data, control.Record{PID: os.Getpid(), Socket: socket, Started: h.started})
	return socket, err
}
