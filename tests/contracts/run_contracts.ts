import { test } from "node:test";
import { contracts } from "./contracts.ts";

// For `node --test` and `bun test`.
contracts((name, run) => void test(name, run));
