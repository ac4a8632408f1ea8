package chain

import (
	"context"
	"log/slog"

	gethlog "github.com/ethereum/go-ethereum/log"
)

// debugHandler writes go-ethereum's log at debug level. Only a message that ends the process
// is an error.
type debugHandler struct{ slog.Handler }

// redirectLog makes go-ethereum, whose log is global to the process, write to log. Its
// attributes, for example "time" and "level", are in a group of their own.
func redirectLog(log *slog.Logger) {
	standard := slog.Default()
	gethlog.SetDefault(gethlog.NewLogger(debugHandler{log.WithGroup("geth").Handler()}))
	slog.SetDefault(standard) // gethlog.SetDefault has replaced it
}

// demote returns the level at which a message of go-ethereum is written.
func demote(level slog.Level) slog.Level {
	switch {
	case level >= gethlog.LevelCrit:
		return slog.LevelError
	case level <= gethlog.LevelTrace:
		return level
	}
	return slog.LevelDebug
}

func (q debugHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return q.Handler.Enabled(ctx, demote(level))
}

func (q debugHandler) Handle(ctx context.Context, record slog.Record) error {
	record.Level = demote(record.Level)
	return q.Handler.Handle(ctx, record)
}

func (q debugHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return debugHandler{q.Handler.WithAttrs(attrs)}
}

func (q debugHandler) WithGroup(name string) slog.Handler {
	return debugHandler{q.Handler.WithGroup(name)}
}
