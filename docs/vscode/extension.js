// Starts `tabard lsp` and hands it the rule files. The command of the lens,
// tabard.test, runs in the server; the client registers it.
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

exports.activate = () => {
  const settings = vscode.workspace.getConfiguration("tabard");
  const server = { command: settings.get("path"), args: settings.get("arguments") };
  client = new LanguageClient("tabard", "Tabard", server, {
    documentSelector: [{ scheme: "file", language: "seclang" }],
  });
  return client.start();
};

exports.deactivate = () => client && client.stop();
