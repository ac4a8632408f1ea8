package pipeline

import (
	"log/slog"
	"strings"
)

// levels maps the values of log.level to levels.
var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warning": slog.LevelWarn, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// Level returns the level with a name of log.level. Upper and lower case do not matter. It
// returns false if there is no such level.
func Level(name string) (slog.Level, bool) {
	level, known := levels[strings.ToLower(name)]
	return level, known
}

// parseLevel reads a log level. Upper and lower case do not matter.
func parseLevel(s scalar, k Key) (slog.Level, *problem) {
	s.text = strings.ToLower(s.text)
	name, bad := parseWord(s, k)
	return levels[name], bad
}
