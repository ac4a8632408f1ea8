package chain

import (
	"context"
	"log/slog"

	gethlog "github.com/ethereum/go-ethereum/log"
)

// quiet passes go-ethereum's log on at debug level. Only what ends the process is
// an error.
type quiet struct{ slog.Handler }

// redirectLog makes go-ethereum, whose log is global to the process, write there.
// Its attributes, "time" and "level" among them, stay in a group of their own.
func redirectLog(log *slog.Logger) {
	standard := slog.Default()
	gethlog.SetDefault(gethlog.NewLogger(quiet{log.WithGroup("geth").Handler()}))
	slog.SetDefault(standard) // which gethlog.SetDefault replaces, too
}

func demoted(level slog.Level) slog.Level {
	switch {
	case level >= gethlog.LevelCrit:
		return slog.LevelError
	case level <= gethlog.LevelTrace:
		return level
	}
	return slog.LevelDebug
}

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return q.Handler.Enabled(ctx, demoted(level))
}

func (q quiet) Handle(ctx context.Context, record slog.Record) error {
	record.Level = demoted(record.Level)
	return q.Handler.Handle(ctx, record)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
