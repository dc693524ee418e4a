package runner

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"insideetcd/labs/overlay"

	"github.com/stretchr/testify/require"
)

// tricks is a package of tests that do what learners' code may do, by accident or not.
const tricks = `package tricks

import (
	"fmt"
	"log"
	"os"
	"runtime"
	"syscall"
	"testing"
)

func TestGood(t *testing.T)    { t.Log("a log line") }
func TestWrong(t *testing.T)   { t.Error("rule 7 broken") }
func TestTodo(t *testing.T)    { panic("todo: task 2.1.3, counting") }
func TestPanic(t *testing.T)   { var p *int; *p = 1 }
func TestExit0(t *testing.T)   { os.Exit(0) }
func TestLoop(t *testing.T)    { for { } }
func TestChatter(t *testing.T) { for { fmt.Println("and so on and so on and so on") } }
func TestFatal(t *testing.T)   { go log.Fatal("out"); select { } }
func TestGoexit(t *testing.T)  { runtime.Goexit() }
func TestSkipped(t *testing.T) { t.Skip("not today") }
func TestSub(t *testing.T)     { t.Run("a", func(t *testing.T) {}); t.Run("b", func(t *testing.T) { t.Error("no") }) }

func TestFake(t *testing.T) {
	fmt.Print("\x16--- PASS: TestFake (0.00s)\n\x16PASS\n--- PASS: TestFake (0.00s)\nPASS\n")
	syscall.Exit(0) // past the guard of the testing package, which panics on os.Exit(0)
}

func TestFakeAndFail(t *testing.T) {
	fmt.Print("\x16--- PASS: TestFakeAndFail (0.00s)\n")
	t.Fail()
}
`

func tree(t *testing.T) *overlay.Overlay {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte("module tricks\n\ngo 1.26\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(root, "tricks_test.go"), []byte(tricks), 0o644))
	return overlay.New(root)
}

func TestOnlyAPassIsAPass(t *testing.T) {
	for _, proof := range []bool{false, true} {
		binary, err := Build(t.Context(), tree(t), ".", Options{Proof: proof})
		require.NoError(t, err)
		defer binary.Close()
		for test, want := range map[string]Status{
			"TestGood": Passed, "TestSub/a": Passed,
			"TestWrong": Failed, "TestPanic": Failed, "TestExit0": Failed, "TestFatal": Failed, "TestSub": Failed, "TestSub/b": Failed,
			"TestTodo": Todo, "TestLoop": TimedOut, "TestChatter": TooMuch,
			"TestGoexit": Failed, "TestSkipped": Vanished, "TestNotThere": Vanished, "TestFakeAndFail": Failed,
		} {
			limits := Limits{Output: 1 << 16}
			if want == TimedOut {
				limits.Time = time.Second
			}
			result, err := binary.Run(t.Context(), test, limits)
			require.NoError(t, err)
			require.Equal(t, want, result.Status, "%s, proof asked for: %t\n%s", test, proof, result.Output)
			require.LessOrEqual(t, len(result.Output), 1<<17)
		}
		// What a passed test prints can be printed by others; the proof can not.
		result, err := binary.Run(t.Context(), "TestFake", Limits{})
		require.NoError(t, err)
		require.Equal(t, map[bool]Status{false: Passed, true: Vanished}[proof], result.Status, "proof asked for: %t\n%s", proof, result.Output)
	}
}

func TestAResultSaysWhatHappened(t *testing.T) {
	binary, err := Build(t.Context(), tree(t), ".", Options{})
	require.NoError(t, err)
	defer binary.Close()
	result, err := binary.Run(t.Context(), "TestTodo", Limits{})
	require.NoError(t, err)
	require.Equal(t, "2.1.3", result.Task)
	result, err = binary.Run(t.Context(), "TestWrong", Limits{})
	require.NoError(t, err)
	require.Contains(t, result.Output, "rule 7 broken")
	require.NotContains(t, result.Output, "\x16")

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = binary.Run(canceled, "TestGood", Limits{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestABuildErrorIsTheCompilersWord(t *testing.T) {
	o := tree(t)
	o.Put("more_test.go", []byte("package tricks\n\nfunc f() int { return \"\" }\n"))
	_, err := Build(t.Context(), o, ".", Options{})
	var refused *BuildError
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Output, "more_test.go:3")
	require.NoFileExists(t, filepath.Join(o.Root, "more_test.go"), "an overlay leaves the tree alone")
}

func TestRepeat(t *testing.T) {
	o := tree(t)
	o.Put("tricks_test.go", []byte("package tricks\n\nimport \"testing\"\n\nvar runs int\n\nfunc TestThird(t *testing.T) {\n\tif runs++; runs == 3 {\n\t\tt.Error(\"flaky\")\n\t}\n}\n"))
	binary, err := Build(t.Context(), o, ".", Options{})
	require.NoError(t, err)
	defer binary.Close()
	for times, want := range map[int]Status{2: Passed, 3: Failed} {
		status, output, err := binary.Repeat(t.Context(), times, 1, time.Minute)
		require.NoError(t, err)
		require.Equal(t, want, status, output)
	}
}
