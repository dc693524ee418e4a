package e2e

import (
	"os/exec"
	"syscall"
)

// dieWithParent lets the system kill the server when the test process is
// killed itself and cannot clean up.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
