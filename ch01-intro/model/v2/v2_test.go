package v2_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	v2 "insideetcd/ch01-intro/model/v2"
)

func TestCloneGoesItsOwnWay(t *testing.T) {
	tree := v2.New(7, noon)
	_, err := tree.Set("/a", file("1"))
	require.NoError(t, err)
	clone := tree.Clone()
	require.Equal(t, tree.Hash(), clone.Hash())
	_, err = clone.Set("/b", file("1"))
	require.NoError(t, err)
	require.NotEqual(t, tree.Hash(), clone.Hash())
	require.EqualValues(t, 8, tree.Index())
	_, err = tree.Get("/b", false)
	require.EqualError(t, err, "100: Key not found (/b)")
}

func TestARefusalChangesNothing(t *testing.T) {
	tree := v2.New(0, noon)
	_, err := tree.Set("/dir/a", file("1"))
	require.NoError(t, err)
	before := tree.Hash()
	for _, refused := range []func() (*v2.Event, error){
		func() (*v2.Event, error) { return tree.Create("/dir/a", file("2")) },
		func() (*v2.Event, error) { return tree.Set("/new/x/../../dir", file("2")) },
		func() (*v2.Event, error) { return tree.Set("/dir/a/b/c", file("2")) },
		func() (*v2.Event, error) { return tree.Create("/dir/a/b/c", file("2")) },
		func() (*v2.Event, error) { return tree.Update("/dir", file("2")) },
		func() (*v2.Event, error) { return tree.CompareAndDelete("/dir/a", "", 9) },
		func() (*v2.Event, error) { return tree.Delete("/dir", true, false) },
		func() (*v2.Event, error) { return tree.Get("/none", false) },
	} {
		e, err := refused()
		require.Error(t, err)
		require.Nil(t, e)
		require.Equal(t, before, tree.Hash())
	}
}
