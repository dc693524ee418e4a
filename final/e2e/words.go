package e2e

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// splitWords cuts a command line into words as a shell does for the simple
// cases: blanks separate, '…' keeps everything, "…" knows \" and \\, and
// $'…' knows Go's escapes (\x00, \n, \u00e9). Nothing else is special.
func splitWords(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" {
			return words, nil
		}
		word, rest, err := cutWord(line)
		if err != nil {
			return nil, fmt.Errorf("%w in %q", err, line)
		}
		words = append(words, word)
		line = rest
	}
}

func cutWord(line string) (word, rest string, err error) {
	var b strings.Builder
	for line != "" && line[0] != ' ' && line[0] != '\t' {
		var piece string
		switch {
		case line[0] == '\'':
			piece, line, err = cutQuoted(line[1:], '\'', false)
		case line[0] == '"':
			piece, line, err = cutQuoted(line[1:], '"', true)
			piece = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(piece)
		case strings.HasPrefix(line, "$'"):
			piece, line, err = cutQuoted(line[2:], '\'', true)
			if err == nil {
				piece, err = unescape(piece)
			}
		default:
			piece, line = line[:1], line[1:]
		}
		if err != nil {
			return "", "", err
		}
		b.WriteString(piece)
	}
	return b.String(), line, nil
}

func cutQuoted(s string, quote byte, escapes bool) (inside, rest string, err error) {
	for i := 0; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
			i++
		case s[i] == quote:
			return s[:i], s[i+1:], nil
		}
	}
	return "", "", errors.New("quote without end")
}

func unescape(s string) (string, error) {
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	if err != nil {
		return "", fmt.Errorf("bad escape: %w", err)
	}
	return text, nil
}

var repeatCall = regexp.MustCompile(`\$\(repeat ([^ ()]+) (\d+)\)`)

// expand unrolls $(repeat TEXT N) after values put $EP, $I and the like in
// place.
func expand(text string, values *strings.Replacer) string {
	return repeatCall.ReplaceAllStringFunc(values.Replace(text), func(call string) string {
		m := repeatCall.FindStringSubmatch(call)
		n, err := strconv.Atoi(m[2])
		if err != nil {
			return call
		}
		return strings.Repeat(m[1], n)
	})
}
