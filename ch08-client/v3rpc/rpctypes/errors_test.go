package rpctypes

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// declared reads errors.go: identifier → {code name, message}; an alias is followed.
func declared(t *testing.T) map[string][2]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	require.NoError(t, err)
	out := map[string][2]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		switch v := spec.Values[0].(type) {
		case *ast.Ident:
			out[spec.Names[0].Name] = out[v.Name]
		case *ast.CallExpr:
			text, err := strconv.Unquote(v.Args[1].(*ast.BasicLit).Value)
			require.NoError(t, err)
			out[spec.Names[0].Name] = [2]string{v.Args[0].(*ast.SelectorExpr).Sel.Name, text}
		}
		return true
	})
	return out
}

// Every identifier, code and message equals the recorded list, and nothing more is declared.
func TestErrorsEqualTheRecordedList(t *testing.T) {
	raw, err := os.ReadFile("testdata/errors.tsv")
	require.NoError(t, err)
	got := declared(t)
	rows := 0
	for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		require.Len(t, f, 3, line)
		want := [2]string{f[1], f[2]}
		if f[0] == "ErrGRPCNotSupportedForLearner" {
			want[0] = "Unavailable" // 3.4's code for the message; 3.6 changed it
		}
		require.Equal(t, want, got[f[0]], f[0])
		rows++
	}
	require.Len(t, got, rows, "errors.go declares something that the list does not know")
	require.Greater(t, rows, 60)
}

func TestErrorFindsTheValueByMessage(t *testing.T) {
	sent := status.Error(codes.InvalidArgument, "etcdserver: key is not provided")
	require.True(t, Error(sent) == ErrEmptyKey, "client values compare with ==")
	require.Equal(t, "etcdserver: key is not provided", Error(sent).Error())

	// On the wire this one has code Unknown; the client restores its meaning.
	sent = status.Error(codes.Unknown, "etcdserver: too many requests")
	var e EtcdError
	require.True(t, errors.As(Error(sent), &e))
	require.Equal(t, codes.ResourceExhausted, e.Code())

	other := errors.New("something else")
	require.Equal(t, other, Error(other))
	require.NoError(t, Error(nil))
}
