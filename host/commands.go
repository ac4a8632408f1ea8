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

// socketLook is the pause between two looks whether the control socket is there.
const socketLook = 5 * time.Second

// keepCommands makes the control socket again when its directory was removed, as
// the end of a login session does with the directory for sockets, and announces
// where it is then, until ctx ends.
func (h *host) keepCommands(ctx context.Context, server *control.Server, socket string) {
	failed := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.At(socketLook):
		}
		if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		next, err := h.moveCommands(server)
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

func (h *host) moveCommands(server *control.Server) (socket string, err error) {
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
