"""What other software exports, read at the edge and handed to the rules of `node.forum.imports`."""
