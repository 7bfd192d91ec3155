// Reads PowerShell on standard input by a grammar, and prints what is wrong with it, the commands
// that it calls and the arguments of those, as JSON.
import { readFileSync } from "node:fs";
import { Language, Parser } from "web-tree-sitter";

await Parser.init();
const parser = new Parser();
parser.setLanguage(await Language.load(process.argv[2]));
const wrong = [];
const commands = [];
const visit = (node) => {
  if (node.isMissing) {
    wrong.push(`line ${node.startPosition.row + 1}: ${node.type} is missing`);
  } else if (node.isError) {
    wrong.push(`line ${node.startPosition.row + 1}: ${node.text}`);
  }
  if (node.type === "command") {
    commands.push(node.text);
  }
  node.children.forEach(visit);
};
visit(parser.parse(readFileSync(0, "utf8")).rootNode);
console.log(JSON.stringify({ wrong, commands }));
