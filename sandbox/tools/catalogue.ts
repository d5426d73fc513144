/** The bundled tools, in the order they are offered. A Map, so that `__proto__` and `constructor` are unknown tools. */
import { editTool, listTool, readTool, searchTool, writeTool } from './file-tools.ts';
import { execTool, nodeTool, pythonTool } from './run-tools.ts';
import { sessionTool } from './session-tool.ts';
import type { Tool } from './tool.ts';

export const BUNDLED_TOOLS: ReadonlyMap<string, Tool> = new Map(
  [execTool, readTool, writeTool, editTool, listTool, searchTool, pythonTool, nodeTool, sessionTool].map((tool) => [
    tool.name,
    tool,
  ]),
);

export const BUNDLED_TOOL_NAMES: readonly string[] = [...BUNDLED_TOOLS.keys()];
