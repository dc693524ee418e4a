package runner

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"insideetcd/labs/overlay"
)

// proofVariable names the file into which a finished run writes its proof.
const proofVariable = "LABS_PROOF"

// proofSource is the file that is laid into a package of tests. Whoever prints what a
// passed test prints and stops the process does not come back from m.Run, and does not
// know the number: it is drawn for each build and stands only in the binary.
const proofSource = `package %s

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	status := m.Run()
	if status == 0 {
		if err := os.WriteFile(os.Getenv(%q), []byte(%q), 0o600); err != nil {
			status = 1
		}
	}
	os.Exit(status)
}
`

func addProof(o *overlay.Overlay, pkg string) (string, error) {
	number := make([]byte, 16)
	rand.Read(number) // never fails
	name, err := testPackage(o, pkg)
	if err != nil {
		return "", err
	}
	proof := hex.EncodeToString(number)
	o.Put(pkg+"/zz_proof_test.go", fmt.Appendf(nil, proofSource, name, proofVariable, proof))
	return proof, nil
}
