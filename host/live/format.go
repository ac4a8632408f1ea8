package live

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/proofline/proofline/host/selection"
)

// fmtNumber returns a block number as commands accept it.
func fmtNumber(n uint64) string { return strconv.FormatUint(n, 10) }

// Grouped formats a number with separators: "24,647,140".
func Grouped[T ~int | ~int64 | ~uint64 | ~uint32](n T) string {
	text := fmt.Sprint(n)
	head := ""
	if strings.HasPrefix(text, "-") {
		head, text = "−", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return head + text
}

// Span formats a duration in ms for people: "820 ms", "1.50 s", "42.1 s", "3 min 5 s".
func Span(ms int64) string {
	switch s := float64(ms) / 1000; {
	case s < 0.995:
		return fmt.Sprintf("%d ms", ms)
	case s < 9.995:
		return fmt.Sprintf("%.2f s", s)
	case s < 99.95:
		return fmt.Sprintf("%.1f s", s)
	default:
		return Long(int64(s + 0.5))
	}
}

// Limit formats a limit in ms in seconds: "120 s".
func Limit(ms int64) string { return fmt.Sprintf("%g s", float64(ms)/1000) }

// Long formats a duration in whole seconds for people, with its two largest units.
func Long(s int64) string {
	days, hours, minutes := s/86400, s%86400/3600, s%3600/60
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min %d s", minutes, s%60)
	}
	return fmt.Sprintf("%d s", s)
}

// selectionText describes which blocks are taken: "every 100th block, shard 1/4".
func selectionText(s selection.Selection) string {
	every := s.Targets.Every
	text := ""
	switch {
	case every == 0:
		return fmt.Sprintf("%s listed blocks", Grouped(len(s.Blocks)))
	case every == 1:
		text = "every block"
	case every%100 > 10 && every%100 < 14, every%10 == 0, every%10 > 3:
		text = fmt.Sprintf("every %sth block", Grouped(every))
	default:
		text = fmt.Sprintf("every %s%s block", Grouped(every), []string{"", "st", "nd", "rd"}[every%10])
	}
	if s.Targets.ShardCount > 1 {
		text += fmt.Sprintf(", shard %d/%d", s.Targets.ShardIndex+1, s.Targets.ShardCount)
	}
	return text
}
