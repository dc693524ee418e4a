//go:build !windows

package fileutil

const removeWhileOpen = true
