package main

import (
	"os"
	"os/exec"
)

// hideInput turns a terminal's echo off by stty, and returns how to turn it on again.
// Without a terminal or stty the password is read as it comes.
func hideInput() (restore func()) {
	info, err := os.Stdin.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 || stty("-echo") != nil {
		return func() {}
	}
	return func() { _ = stty("echo") }
}

func stty(mode string) error {
	cmd := exec.Command("stty", mode)
	cmd.Stdin = os.Stdin
	return cmd.Run()
}
