package lsp

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheFilesOfTheVSCodeExtensionAreThereAndJSON(t *testing.T) {
	const dir = "../../docs/vscode"
	files, err := filepath.Glob(dir + "/*.json")
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.True(t, json.Valid(text), file)
	}
	var manifest struct {
		Main        string `json:"main"`
		Contributes struct {
			Languages []struct{ ID, Configuration string }
			Grammars  []struct{ Language, Path string }
		} `json:"contributes"`
	}
	text, err := os.ReadFile(dir + "/package.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &manifest))
	for _, file := range []string{manifest.Main, manifest.Contributes.Languages[0].Configuration, manifest.Contributes.Grammars[0].Path} {
		require.FileExists(t, filepath.Join(dir, file))
	}
	require.Equal(t, manifest.Contributes.Languages[0].ID, manifest.Contributes.Grammars[0].Language)
}
