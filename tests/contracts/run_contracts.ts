import { test } from "node:test";
import { contracts } from "./contracts.ts";

// For `node --test` and `bun test`.
contracts((name, run, skip = false) => void test(name, { skip }, run));
