package main

import (
	"strconv"
	"strings"
)

// splitWords splits a line as the interactive commands read it: words between blanks; a
// word that begins with " runs to the next " and may hold Go's escapes; one that begins
// with ' runs to the next ' as it is. A quote without its end is part of the word.
func splitWords(line string) []string {
	var out []string
	for {
		line = strings.TrimLeft(line, " \t\r\n")
		if line == "" {
			return out
		}
		word, rest := nextWord(line)
		out = append(out, word)
		line = rest
	}
}

func nextWord(line string) (word, rest string) {
	switch line[0] {
	case '"':
		if quoted, err := strconv.QuotedPrefix(line); err == nil {
			if word, err := strconv.Unquote(quoted); err == nil {
				return word, line[len(quoted):]
			}
		}
	case '\'':
		if end := strings.IndexByte(line[1:], '\''); end >= 0 {
			return line[1 : 1+end], line[2+end:]
		}
	}
	if end := strings.IndexAny(line, " \t\r\n"); end >= 0 {
		return line[:end], line[end:]
	}
	return line, ""
}
